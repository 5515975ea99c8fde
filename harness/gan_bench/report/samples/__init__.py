"""The samples section: grids over the training, copies of training images, classes."""
