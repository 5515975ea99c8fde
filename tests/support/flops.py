"""The cost of a step, as PyTorch counts it."""


def flops(function, *given):
    """Return the floating-point operations of a call."""
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils.flop_counter import flop_registry

    class Counter(TorchDispatchMode):  # FlopCounterMode's hooks do not take second derivatives
        total = 0

        def __torch_dispatch__(self, operation, types, arguments=(), options=None):
            value = operation(*arguments, **(options or {}))
            if operation.overloadpacket in flop_registry:
                count = flop_registry[operation.overloadpacket]
                self.total += count(*arguments, **(options or {}), out_val=value)
            return value

    with Counter() as counter:
        function(*given)
    return counter.total
