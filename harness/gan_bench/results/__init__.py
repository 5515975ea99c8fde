"""The results folder: its layout, its files' schemas, and the frames made of them."""
