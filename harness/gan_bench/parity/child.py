"""The child process that runs one implementation on shared inputs and sends the results."""

from collections.abc import Iterator, Mapping
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from gan_bench import data
from gan_bench.contract import check_samples, loss_table
from gan_bench.data import Split
from gan_bench.data.draws import Inputs
from gan_bench.errors import first_validation_error
from gan_bench.parity.messages import (
    TEN_STEPS,
    Message,
    ObserveRequest,
    Stage,
    measured_steps,
    observed_recipe,
    perturbed,
    send,
)
from gan_bench.plugins.frameworks import seeded
from gan_bench.plugins.loader import load_seeded
from gan_bench.recipe import Recipe
from gan_bench.system.child import run
from gan_bench.trainer import Trainer, Unsupported, declared_losses, recipe_of


class Observation:
    """The stages of one implementation, in the order in which they are compared."""

    def __init__(
        self, trainer_class: type[Trainer], recipe: Recipe, split: Split, request: ObserveRequest
    ) -> None:
        self.trainer_class = trainer_class
        self.recipe = recipe
        self.split = split
        self.request = request

    def messages(self) -> Iterator[Message]:
        """Yield the results of each stage; the last message may say why the others are missing."""
        try:
            single = self._recipe("float32")
            if single.initial_weights(self.request.seed) is None:
                yield Message("unsupported", reason="its recipe gives no initial weights")
                return
            yield from self._in_float32(single)
            yield from self._in_float64(self._without_dropout(self._recipe("float64")))
        except Unsupported as reason:
            yield Message("unsupported", reason=" ".join(str(reason).split()))
        except ValidationError as error:
            yield Message(
                "unsupported", reason=f"its recipe says: {first_validation_error(error).message}"
            )

    def _in_float32(self, recipe: Recipe) -> Iterator[Message]:
        """Yield the weights that it holds, its forward passes and its steps of the paired run."""
        inputs = self._inputs(recipe)
        trainer = self._build(recipe, self.request.paired_steps)
        if getattr(trainer, "forward", None) is None:
            raise Unsupported("it has no method forward")
        trainer.set_weights(self._initial(recipe))
        held, initial = _copied(trainer.weights()), self._initial(recipe)
        facts = {
            "batch_size": np.array(recipe.batch_size),
            "dropout": np.array(self._without_dropout(recipe) != recipe),
        }
        yield Message(
            "held",
            {
                **_prefixed("held", held),
                **_prefixed("recipe", initial),
                **_prefixed("facts", facts),
            },
        )

        trainer.set_weights(perturbed(initial, self.request.seed))
        outputs: dict[str, NDArray[Any]] = {}
        latents, images = inputs.evaluation_latents(), inputs.first_images()
        labels = inputs.evaluation_labels()
        for training, mode in ((True, "training"), (False, "inference")):
            generated, logits = trainer.forward(latents, images, training, *labels)
            outputs[f"G(z) in {mode}"] = np.array(generated)
            outputs[f"D(x) in {mode}"] = np.array(logits)
        outputs["samples"] = trainer.sample(latents, *labels)
        check_samples(outputs["samples"], (len(latents), *self.split.images.shape[1:]))
        yield Message("forward", outputs)

        trainer.set_weights(self._initial(recipe))
        done = 0
        for step in measured_steps(self.request.paired_steps):
            yield _trained("paired", trainer, inputs, done, step)
            done = step

    def _in_float64(self, recipe: Recipe) -> Iterator[Message]:
        """Yield the results of ten single steps."""
        inputs = self._inputs(recipe)
        trainer = self._build(recipe, TEN_STEPS)
        trainer.set_weights(self._initial(recipe))
        for step in range(TEN_STEPS):
            yield _trained("step", trainer, inputs, step, step + 1)

    def _inputs(self, recipe: Recipe) -> Inputs:
        return Inputs(recipe, self.request.seed, self.split.images, self.split.labels)

    def _recipe(self, dtype: str) -> Recipe:
        return observed_recipe(self.recipe, dtype, self.request.batch_size)

    def _without_dropout(self, recipe: Recipe) -> Recipe:
        return recipe.without_dropout().for_images(self.split.image_shape)

    def _build(self, recipe: Recipe, planned_steps: int) -> Trainer:
        with seeded(self.request.seed):
            return self.trainer_class(
                recipe,
                self.split.images,
                self.split.labels,
                device=self.request.device,
                planned_steps=planned_steps,
                seed=self.request.seed,
            )

    def _initial(self, recipe: Recipe) -> dict[str, NDArray[np.float32]]:
        """Return new arrays each time, because a trainer may keep or change them."""
        weights = recipe.initial_weights(self.request.seed)
        assert weights is not None
        return weights


def _trained(
    stage: Stage, trainer: Trainer, inputs: Inputs, first_step: int, last_step: int
) -> Message:
    steps = last_step - first_step
    losses = trainer.train(inputs.batches(first_step, steps), inputs.draws(first_step, steps))
    loss_table(losses, steps, inputs.recipe)  # raises if they violate the contract
    reported = declared_losses(losses, inputs.recipe, "train")
    arrays = {
        **_prefixed("losses", _copied(reported)),
        **_prefixed("weights", _copied(trainer.weights())),
    }
    return Message(stage, arrays, step=last_step)


def _copied(tensors: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    return {name: np.array(tensor) for name, tensor in tensors.items()}


def _prefixed(kind: str, tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {f"{kind}.{name}": tensor for name, tensor in tensors.items()}


def observe(content: bytes, answers: IO[bytes]) -> None:
    """Run one implementation and send the results of each stage."""
    request = ObserveRequest.model_validate_json(content)
    trainer_class = load_seeded(request.implementation, request.seed)
    split = data.load(request.dataset).train
    recipe = recipe_of(trainer_class).model_validate(request.recipe_values)
    recipe = recipe.for_images(split.image_shape)
    observation = Observation(trainer_class, recipe, split, request)
    for message in observation.messages():
        send(answers, message)


if __name__ == "__main__":
    run(observe)
