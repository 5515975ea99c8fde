"""What plugins build on `TorchTrainer`: every tensor has a name, further networks, few losses."""

import copy
import json
import re
from dataclasses import dataclass

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: torch)")

from torch import nn  # noqa: E402
from torch.nn.utils import parametrizations  # noqa: E402

from base_cases import (  # noqa: E402
    MOVING,
    NORMS,
    USUAL,
    WRONG,
    LabelledRecipe,
    OwnStart,
    Recipe,
    build,
    check_further_networks,
    check_one_probability,
    check_two_losses,
    check_unknown_labels,
    inputs,
    of_channels,
    own,
    shapes,
)
from gan_bench.errors import ContractError, UsageError  # noqa: E402
from gan_bench.plugins.frameworks import GlobalState, seeded  # noqa: E402
from gan_bench.testing import check_trainer  # noqa: E402
from gan_bench.testing.conformance import CHECKS  # noqa: E402
from gan_bench_torch.base import TorchTrainer, descend  # noqa: E402
from gan_bench_torch.losses import cross_entropy  # noqa: E402

pytestmark = pytest.mark.torch


class Small(TorchTrainer):
    recipe_class = Recipe

    def build_networks(self):
        self.generator = nn.Sequential(
            nn.Linear(self.recipe.latent_size, 784), nn.Tanh(), nn.Unflatten(1, (1, 28, 28))
        )
        self.discriminator = nn.Sequential(nn.Flatten(), nn.Linear(784, 1), nn.Flatten(0))

    def build_optimisers(self):
        self.generator_optimiser = torch.optim.SGD(self.generator.parameters(), lr=0.05)
        self.discriminator_optimiser = torch.optim.SGD(self.discriminator.parameters(), lr=0.05)

    def update(self, real, draws):
        (images,) = real
        fakes = self.generator(draws["latents"][0])
        logits = self.discriminator(torch.cat([images, fakes.detach()]))
        on_real, on_fake = logits.chunk(2)
        loss = cross_entropy(on_real, True) + cross_entropy(on_fake, False)
        descend(loss, self.discriminator_optimiser)
        generator_loss = cross_entropy(self.discriminator(fakes), True)
        descend(generator_loss, self.generator_optimiser)
        return {
            "generator": generator_loss,
            "discriminator": loss,
            "d_real": on_real.sigmoid().mean(),
            "d_fake": on_fake.sigmoid().mean(),
        }


def built(trainer=Small, **options):
    torch.manual_seed(0)
    return build(trainer, **options)


def generator_with(*layers):
    return lambda: nn.Sequential(
        nn.Linear(100, 784), nn.Unflatten(1, (1, 28, 28)), *layers, nn.Tanh()
    )


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (lambda: nn.BatchNorm2d(1), of_channels(1, *MOVING)),
        (lambda: nn.SyncBatchNorm(1), of_channels(1, *MOVING)),
        (lambda: nn.BatchNorm2d(1, affine=False), of_channels(1, *MOVING[2:])),
        (lambda: nn.InstanceNorm2d(1, affine=True), of_channels(1, *NORMS)),
        (lambda: nn.GroupNorm(1, 1), of_channels(1, *NORMS)),
        (lambda: nn.LayerNorm(28), of_channels(28, *NORMS)),
        (lambda: nn.LayerNorm((1, 28, 28)), dict.fromkeys(NORMS, (28, 28, 1))),
        (lambda: nn.RMSNorm(28), of_channels(28, "1.gamma")),
        (lambda: nn.PReLU(), of_channels(1, "1.alpha")),
        (lambda: nn.Conv2d(1, 3, (5, 7)), {"1.kernel": (5, 7, 1, 3), "1.bias": (3,)}),
        (lambda: nn.ConvTranspose2d(1, 3, 5), {"1.kernel": (5, 5, 1, 3), "1.bias": (3,)}),
        (lambda: nn.ConvTranspose3d(1, 3, 5), {"1.kernel": (5, 5, 5, 1, 3), "1.bias": (3,)}),
        (lambda: nn.Conv1d(1, 3, 5), {"1.kernel": (5, 1, 3), "1.bias": (3,)}),
        (lambda: nn.Embedding(5, 3), {"1.embeddings": (5, 3)}),
        (lambda: nn.Sequential(nn.Sequential(nn.PReLU())), of_channels(1, "1.alpha")),
    ],
)
def test_layers_of_pytorch_have_canonical_names_and_layouts(layer, expected):
    assert own(built(generator=generator_with(layer()))) == expected


@pytest.mark.parametrize(
    "normalised", [parametrizations.spectral_norm, torch.nn.utils.spectral_norm]
)
def test_spectral_normalisation_keeps_its_kernel_and_vectors(normalised):
    def discriminator():
        return nn.Sequential(nn.Flatten(), normalised(nn.Linear(784, 1)), nn.Flatten(0))

    tested = built(discriminator=discriminator)
    assert {name: shape for name, shape in shapes(tested).items() if name[0] == "d"} == {
        "discriminator.0.kernel": (784, 1),
        "discriminator.0.bias": (1,),
        "discriminator.0.u": (1,),
        "discriminator.0.v": (784,),
    }
    # A recipe does not know the vectors.
    tested.set_weights(tested.recipe.initial_weights(0))
    tested.train(*inputs())
    kept = {name: tensor + 0.25 for name, tensor in tested.weights().items()}
    tested.set_weights(kept)
    for name, tensor in tested.weights().items():
        np.testing.assert_array_equal(tensor, kept[name], err_msg=name)


@pytest.mark.parametrize("normalised", [parametrizations.weight_norm, torch.nn.utils.weight_norm])
@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
def test_weight_normalisation_keeps_magnitude_and_direction(normalised):
    tested = built(generator=generator_with(normalised(nn.Conv2d(1, 1, 1))))
    assert set(own(tested)) == {"1.bias", "1.magnitude", "1.direction"}


class Noisy(nn.Linear):
    """A layer of PyTorch with a parameter more."""

    def __init__(self):
        super().__init__(28, 28)
        self.strength = nn.Parameter(torch.ones(28))


class Scaled(nn.Module):
    """A network that has a parameter itself."""

    def __init__(self):
        super().__init__()
        self.inner = generator_with()()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, latents):
        return self.inner(latents) * self.scale


class Averaging(nn.Module):
    """A layer with a constant in a buffer, which is saved or not."""

    def __init__(self, persistent=True):
        super().__init__()
        self.register_buffer("blur", torch.ones(3, 3), persistent=persistent)

    def forward(self, images):
        return images


@pytest.mark.parametrize(
    ("network", "named"),
    [
        (generator_with(Noisy()), "generator.3.strength"),
        (Scaled, "generator.scale"),
        (generator_with(Averaging()), "generator.2.blur"),
        (
            generator_with(nn.Sequential(nn.MultiheadAttention(28, 1))),
            "generator.2.0.in_proj_weight",
        ),
    ],
)
def test_a_tensor_without_a_name_is_an_error_that_names_it(network, named):
    named = named.replace("3.", "2.")
    with pytest.raises(UsageError, match=rf"The tensor {named} of Built has no name"):
        built(generator=network)


def test_the_author_names_tensors_of_his_own():
    tested = built(generator=generator_with(Noisy()), own_tensors={"strength": "strength"})
    assert own(tested) == {"1.kernel": (28, 28), "1.bias": (28,), "1.strength": (28,)}
    tested = built(generator=Scaled, own_tensors={"scale": "scale"})
    assert shapes(tested)["generator.0.scale"] == ()
    assert shapes(tested)["generator.1.kernel"] == (100, 784)


def test_two_tensors_of_one_name_are_an_error():
    with pytest.raises(UsageError, match=r"generator\.2\.strength of Built has no name of its own"):
        built(generator=generator_with(Noisy()), own_tensors={"strength": "kernel"})


def test_constants_and_counters_are_no_weights():
    assert own(built(generator=generator_with(Averaging(persistent=False)))) == {}
    assert "1.num_batches_tracked" not in own(built(generator=generator_with(nn.BatchNorm2d(1))))


def test_tied_parameters_count_once():
    first, second = nn.Linear(28, 28), nn.Linear(28, 28)
    second.weight = first.weight
    tested = built(generator=generator_with(first, second, first))
    assert own(tested) == {"1.kernel": (28, 28), "1.bias": (28,), "2.bias": (28,)}


class InAList(nn.Module):
    def __init__(self, keep):
        super().__init__()
        self.first = generator_with()()
        self.more = keep(nn.Linear(28, 28))

    def forward(self, latents):
        return self.first(latents)


@pytest.mark.parametrize(
    "keep",
    [
        lambda layer: [layer],
        lambda layer: (layer,),
        lambda layer: {"0": layer},
        lambda layer: [[layer]],
        lambda layer: [layer.weight],
        lambda layer: torch.ones(3, requires_grad=True),
    ],
)
def test_what_pytorch_does_not_register_is_an_error(keep):
    with pytest.raises(UsageError, match=r"generator\.more\S* of Built has tensors that PyTorch"):
        built(generator=lambda: InAList(keep))


class Averaged(Small):
    """Keeps an average of the generator, a second critic with an optimiser, and a schedule."""

    def build_networks(self):
        super().build_networks()
        self.average = torch.optim.swa_utils.AveragedModel(self.generator)
        self.critics = [nn.Sequential(nn.Flatten(), nn.Linear(784, 1))]
        self.compiled = nn.Sequential(self.generator)
        self.criterion = nn.BCEWithLogitsLoss()

    def build_optimisers(self):
        super().build_optimisers()
        self.critic_optimiser = torch.optim.Adam(self.critics[0].parameters())
        self.schedule = torch.optim.lr_scheduler.StepLR(self.generator_optimiser, 1, 0.5)

    def update(self, real, draws):
        losses = super().update(real, draws)
        self.average.update_parameters(self.generator)
        descend(self.critics[0](real[0]).square().mean(), self.critic_optimiser)
        self.schedule.step()
        return losses


def test_further_networks_are_weights_and_part_of_checkpoints(tmp_path):
    tested = built(Averaged)
    resumed = check_further_networks(tested, lambda: built(Averaged), tmp_path)
    rates = [t.generator_optimiser.param_groups[0]["lr"] for t in (tested, resumed)]
    assert rates == [0.05 / 2**6] * 2


def test_a_parameter_of_the_trainer_itself_is_an_error():
    class Holds(Small):
        def build_networks(self):
            super().build_networks()
            self.alpha = nn.Parameter(torch.ones(()))

    with pytest.raises(UsageError, match="alpha of Built has tensors that PyTorch does not know"):
        built(Holds)


class Critic(Small):
    """Reports no probabilities, and two updates of the critic in a step."""

    recipe_class = OwnStart

    def build_networks(self):
        super().build_networks()
        self.generator = generator_with(nn.BatchNorm2d(1), nn.Conv2d(1, 1, 3, padding=1))()
        self.discriminator = nn.Sequential(
            parametrizations.spectral_norm(nn.Conv2d(1, 1, 5, 2)),
            nn.LayerNorm((1, 12, 12)),
            nn.Flatten(),
            nn.Dropout(0.25),
            parametrizations.spectral_norm(nn.Linear(144, 1)),
            nn.Flatten(0),
        )

    def forward(self, latents, images, training):
        self.discriminator[3].p = 0.0
        try:
            return super().forward(latents, images, training)
        finally:
            self.discriminator[3].p = 0.25

    def update(self, real, draws):
        losses = super().update(real, draws)
        loss = losses["discriminator"]
        return {"generator": losses["generator"], "discriminator": torch.stack([loss, loss * 3])}


def test_a_critic_reports_two_losses_the_mean_of_a_steps_updates():
    check_two_losses(lambda: built(Critic), lambda: built(Critic, update=Small.update))


def test_one_of_the_probabilities_may_be_none():
    check_one_probability(built, Small)


@pytest.mark.parametrize(("losses", "said"), WRONG)
def test_too_few_and_too_many_losses_are_one_sentence(losses, said):
    tested = built(update=lambda self, real, draws: losses)
    with pytest.raises(ContractError, match=f"^the update of Built {said}"):
        tested.train(*inputs())


def test_a_plugin_with_any_layers_keeps_the_contract():
    torch.use_deterministic_algorithms(True)
    results = check_trainer(Critic, only=set(CHECKS))
    assert [result for result in results if result.status == "failed"] == []


def test_an_embedding_that_hyperparameters_without_a_dtype_forget_is_found():
    class Embeds(nn.Module):
        def __init__(self, classes):
            super().__init__()
            self.table, self.dense = nn.Embedding(classes, 4), nn.Linear(788, 1)

        def forward(self, images, labels):
            return self.dense(torch.cat([images.flatten(1), self.table(labels)], 1)).flatten()

    class Settings:
        batch_size: int = 8
        epochs: int = 1
        conditional = True

    class Conditional(Small):
        hyperparameters = dataclass(Settings)

        def build_networks(self):
            super().build_networks()
            self.generator = Takes(self.generator)
            self.discriminator = Embeds(self.classes)

        def update(self, real, draws):
            labels = draws["real_labels"][0]
            fakes = self.generator(draws["latents"][0], labels)
            loss = cross_entropy(self.discriminator(real[0], labels), True)
            loss = loss + cross_entropy(self.discriminator(fakes.detach(), labels), False)
            descend(loss, self.discriminator_optimiser)
            generator_loss = cross_entropy(self.discriminator(fakes, labels), True)
            descend(generator_loss, self.generator_optimiser)
            return {"generator": generator_loss, "discriminator": loss}

    class Forgets(Conditional):
        def build_optimisers(self):
            super().build_optimisers()
            known = self.discriminator.dense.parameters()
            self.discriminator_optimiser = torch.optim.SGD(known, lr=0.05)

    only = {"everything learns", "every real label", "real labels in order"}
    assert {result.status for result in check_trainer(Conditional, only=only)} == {"passed"}
    failed = [result for result in check_trainer(Forgets, only=only) if result.status == "failed"]
    assert [result.detail for result in failed] == [
        "4 steps of training do not change discriminator.0.embeddings."
    ]


class Takes(nn.Module):
    """Takes labels, and ignores them."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, latents, labels):
        return self.network(latents)


def test_a_bias_before_a_normalisation_does_not_have_to_learn():
    class Biased(Small):
        recipe_class = OwnStart

        def build_networks(self):
            super().build_networks()
            hidden = nn.Linear(self.recipe.latent_size, 8), nn.BatchNorm1d(8), nn.LeakyReLU()
            pixels = nn.Linear(8, 784), nn.Tanh(), nn.Unflatten(1, (1, 28, 28))
            self.generator = nn.Sequential(*hidden, *pixels)

    class Forgets(Biased):
        forgotten = "1.bias"

        def build_optimisers(self):
            super().build_optimisers()
            known = [p for n, p in self.generator.named_parameters() if n != self.forgotten]
            self.generator_optimiser = torch.optim.SGD(known, lr=0.05)

    class ForgetsThatBias(Forgets):
        forgotten = "0.bias"

    (forgets,) = check_trainer(Forgets, only={"everything learns"})
    assert forgets.detail == "4 steps of training do not change generator.1.beta."
    for sound in (Biased, ForgetsThatBias):
        (result,) = check_trainer(sound, only={"everything learns"})
        assert (result.status, sound.__name__) == ("passed", sound.__name__)


@pytest.mark.parametrize("held", [16, 5056])
def test_a_checkpoint_of_another_kind_of_device_is_loaded(tmp_path, held):
    # A generator's state has 16 bytes on a GPU and 5,056 on a CPU.
    tested = built()
    tested.train(*inputs())
    tested.save(tmp_path)
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    state["random"] = state["random"][:held]
    torch.save(state, tmp_path / "state.pt")
    other = built()
    other.load(tmp_path)
    latents = inputs()[1]["latents"][0, 0]
    np.testing.assert_array_equal(other.sample(latents), tested.sample(latents))
    for name, tensor in tested.weights().items():
        np.testing.assert_array_equal(other.weights()[name], tensor)


@pytest.mark.parametrize("seed", [0, 7, 2**32, 2**64 - 1])
def test_a_seed_determines_pytorchs_numbers_and_a_state_goes_on(seed, generators_kept):
    def sums():
        layer = torch.nn.Linear(3, 4)  # a default initialiser
        shuffled = torch.utils.data.DataLoader(list(range(50)), batch_size=50, shuffle=True)
        return torch.rand(5).tolist(), layer.weight.tolist(), next(iter(shuffled)).tolist()

    with seeded(seed):
        first = sums()
    text = json.dumps(GlobalState.now().values)
    second = sums()
    with seeded(seed):
        assert sums() == first != second
    GlobalState(json.loads(text)).restore()
    assert sums() == second


def test_a_state_with_more_generators_than_this_machine_has_is_restored(generators_kept):
    # PyTorch's of a machine with two GPUs; their states have 16 bytes.
    values = GlobalState.now().values
    expected = torch.rand(3).tolist()
    GlobalState({**values, "torch": [values["torch"][0], "00" * 16, "00" * 16]}).restore()
    assert torch.rand(3).tolist() == expected


def test_other_losses_in_another_step_are_one_sentence():
    class Changing(Small):
        def update(self, real, draws):
            losses = super().update(real, draws)
            self.count = getattr(self, "count", 0) + 1
            return {name: losses[name] for name in list(losses)[: 5 - self.count]}

    said = "returned generator, discriminator, d_real and d_fake in one step and generator, disc"
    with pytest.raises(ContractError, match=f"^the update of Built {said}"):
        built(Changing).train(*inputs())


MAP = 1, 28, 28


class WithLabels(nn.Module):
    """A network of its input and an embedding of the label."""

    def __init__(self, classes, *layers):
        super().__init__()
        self.embedding = nn.Embedding(classes, 4)
        self.layers = nn.Sequential(*layers)

    def forward(self, given, labels):
        return self.layers(torch.cat([given.flatten(1), self.embedding(labels)], 1))


class Labelled(TorchTrainer):
    recipe_class = LabelledRecipe

    def build_networks(self):
        for name in ("generator", "average"):
            shape = nn.Linear(self.recipe.latent_size + 4, 784), nn.Tanh(), nn.Unflatten(1, MAP)
            setattr(self, name, WithLabels(self.classes, *shape))
        judging = nn.Linear(784 + 4, 8), nn.Tanh(), nn.Linear(8, 1), nn.Flatten(0)
        self.discriminator = WithLabels(self.classes, *judging)

    build_optimisers = Small.build_optimisers

    def update(self, real, draws):
        (images,), (labels,), (real_labels,) = real, draws["labels"], draws["real_labels"]
        fakes = self.generator(draws["latents"][0], labels)
        mix = draws["mix"][0][:, None, None, None]
        between = (mix * images + (1 - mix) * fakes.detach()).requires_grad_()
        score = self.discriminator(between, real_labels).sum()
        (slope,) = torch.autograd.grad(score, between, create_graph=True)
        penalty = (slope.flatten(1).norm(dim=1) - 1).square().mean()
        on_real = self.discriminator(images, real_labels).mean()
        loss = self.discriminator(fakes.detach(), labels).mean() - on_real + 10 * penalty
        descend(loss, self.discriminator_optimiser)
        generator_loss = -self.discriminator(fakes, labels).mean()
        descend(generator_loss, self.generator_optimiser)
        with torch.no_grad():
            for mean, new in zip(
                self.average.parameters(), self.generator.parameters(), strict=True
            ):
                mean.lerp_(new, 0.5)
        return {"critic": loss, "generator": generator_loss}


@pytest.mark.slow
def test_a_conditional_critic_with_draws_of_its_own_keeps_the_contract():
    torch.use_deterministic_algorithms(True)
    results = check_trainer(Labelled)
    assert {result.name: result.detail for result in results if result.status == "failed"} == {}


def test_labels_that_no_training_image_has_are_one_sentence():
    check_unknown_labels(Labelled)


def test_a_declared_network_that_is_not_built_is_one_sentence():
    with pytest.raises(
        UsageError, match=r"^Built has no average, which is in its recipe's network"
    ):
        built(recipe=LabelledRecipe())


class Average:
    """A helper that is no `nn.Module`, as many scripts have it."""

    def __init__(self, network):
        self.shadow = copy.deepcopy(network)


class Holder(nn.Module):
    def __init__(self):
        super().__init__()
        self.helper = Average(nn.Linear(2, 2))

    def forward(self, x):
        return x


def held(**attributes):
    """Return a trainer class that sets further attributes beside its networks."""

    class Holds(Small):
        def build_networks(self):
            super().build_networks()
            for name, make in attributes.items():
                setattr(self, name, make(self))

    return Holds


@pytest.mark.parametrize(
    ("trainer", "path"),
    [
        (held(ema=lambda t: Average(t.generator)), "ema.shadow"),
        (held(kept=lambda t: {"w": t.generator[0].weight.detach().clone()}), "kept_w"),
        (held(both=lambda t: [Average(t.generator)]), "both_0.shadow"),
        (held(extra=lambda t: t.generator.append(Holder()) and None), "generator.3.helper.shadow"),
    ],
)
def test_tensors_that_plain_objects_hold_are_refused(trainer, path):
    with pytest.raises(UsageError, match=rf"^{re.escape(path)} of \w+ has tensors that PyTorch"):
        built(trainer)


def test_constants_and_the_networks_themselves_may_be_held():
    class Both:
        def __init__(self, trainer):
            self.networks = (trainer.generator, trainer.discriminator)
            self.trainer = trainer

    trainer = held(
        both=Both, level=lambda t: torch.zeros(3), table=lambda t: {"noise": np.zeros(3)}
    )
    assert built(trainer).weights().keys() == built().weights().keys()


def test_a_loss_that_is_no_tensor_is_one_sentence():
    class Floats(Small):
        def update(self, real, draws):
            return {name: loss.item() for name, loss in super().update(real, draws).items()}

    with pytest.raises(
        ContractError, match=r"the loss generator as float; return the tensor itself"
    ):
        built(Floats).train(*inputs())


class Usual(Small):
    """Has PyTorch's own dropout, and logits of one column."""

    recipe_class = OwnStart

    def build_networks(self):
        super().build_networks()
        self.discriminator = nn.Sequential(
            *(nn.Flatten(), nn.Linear(784, 8), nn.Dropout(0.5), nn.Linear(8, 1))
        )


def test_pytorchs_own_dropout_and_logits_of_one_column_keep_the_contract():
    results = check_trainer(Usual, only=USUAL)
    assert {result.name: result.detail for result in results if result.status != "passed"} == {}


def test_a_draw_that_is_not_declared_is_one_sentence():
    class Labels(Small):
        def update(self, real, draws):
            return super().update(real, {"latents": draws["latents"][0], "x": draws[self.asks]})

    for asks, said in (("mix", "$"), ("real_labels", "; real_labels are there if the recipe is c")):
        with pytest.raises(
            ContractError, match=f"^the recipe declares no draw {asks}: its draws are latents{said}"
        ):
            built(Labels, asks=asks).train(*inputs())
