"""Makes a problem of the backward pass of torch code, in the precision in which it runs."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from lstm_ref.checking.code.adapters.one_line import one_line
from lstm_ref.checking.code.adapters.signature import argument_names, name_of
from lstm_ref.checking.problem import Problem, problem
from lstm_ref.errors import BadInput, CannotEvaluate, LstmRefError, TakesFloatsAlone

FLOATS_ALONE = "torch code takes only real arrays of floats"


def torch_function(
    function: Callable[..., Any],
    *arguments: Any,
    name: str | None = None,
    estimator: str | None = None,
    definition: Callable[..., Any] | None = None,
) -> Problem:
    """A problem that checks the backward pass of torch code against its forward in float64.

    The truth is the derivative of the forward's values by the rules of torch's built-in operations. The backward pass
    is judged in the arithmetic of its tensors, float64 to float16. The forward also runs in float64, with float64 for
    any lower precision that it asks for, and with the random numbers that it draws in its own; where that fails, the
    forward runs as it is and the report notes it. A function that `torch.compile` made and a module holds runs
    uncompiled. All objects are copied, never modified, and each call begins with the modules' present state: call
    `eval()` first if a module draws random numbers.

    Args:
        function: A `torch.nn.Module` or a method of one, the `apply` of a `torch.autograd.Function`, or any function of
            tensors that returns a tensor, or tensors in tuples, lists, dicts or dataclasses.
        *arguments: The arguments of the call. The inputs of the problem are the floating tensors in them and the
            module's parameters that require a gradient, by name. A complex tensor becomes two inputs, its real and its
            imaginary part. Outputs that are not floats or have no gradient are left out, and the report notes it.
        name: What the report calls the problem; by default the function's name.
        estimator: Name of the estimator that the gradients are meant to be, where they are not meant to be exact.
        definition: Torch code with the same arguments and parameters whose autograd gradient is that estimator, with
            `.detach()` at each cut.

    Returns:
        A `Problem` for `check_gradients` or `assert_gradients`.

    Raises:
        BadInput: torch is not installed, or the code fails; the message quotes torch.

    Example:
        >>> import lstm_ref, torch
        >>> class Square(torch.autograd.Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         ctx.save_for_backward(x)
        ...         return x * x
        ...
        ...     @staticmethod
        ...     def backward(ctx, y_bar):
        ...         return 3 * ctx.saved_tensors[0] * y_bar
        >>> report = lstm_ref.check_gradients(lstm_ref.torch_function(Square.apply, torch.tensor([1.0, 2.0])))
        >>> report.verdict, report.findings[0].sentence
        ('wrong', 'the gradient of x is 1.5 times what it should be')
    """
    if importlib.util.find_spec("torch") is None:
        raise BadInput("torch code cannot be checked: torch is not installed")
    from lstm_ref.checking.code.adapters.torch_run import Code

    called = name_of(function, name or _own_name(function))
    names = _names(function, len(arguments))
    code = _Judged(Code(function, arguments, names), called)
    if definition is not None:
        name_of(definition, None)
        cut = Code(definition, arguments, names)
        if cut.inputs.keys() != code.code.inputs.keys():
            differing = ", ".join(sorted(cut.inputs.keys() ^ code.code.inputs.keys()))
            raise BadInput(f"{called}: the definition of the estimator must have the same inputs: {differing} differ")
        definition = _Judged(cut, f"{called}, the definition of {estimator}").forward()
    made = problem(
        code.values,
        forward=code.forward(),
        backward=code.backward,
        name=called,
        estimator=estimator,
        definition=definition,
    )
    made.gradients.torch = code.pulled_back  # type: ignore[attr-defined]
    made.gradients.least_bits = lambda *both: code.least_bits(code.backward, *both)  # type: ignore[attr-defined]
    return replace(made, remarks=tuple(code.remarks))


class _Judged:
    """The torch code as functions of NumPy arrays: a forward and a claim, for those outputs that have a gradient."""

    def __init__(self, code: Any, called: str) -> None:
        import torch

        self.torch, self.code, self.called = torch, code, called
        self.values: dict[str, np.ndarray] = {}
        self.complex: list[str] = []
        for n, v in code.inputs.items():
            if torch.nn.parameter.is_lazy(v):
                raise BadInput(f"{called}: its parameter {n} has no shape yet: call the module once first")
            if v.dtype.is_complex:
                self.complex.append(n)
                self.values |= {f"{n}.real": _to_numpy(torch, v.real), f"{n}.imag": _to_numpy(torch, v.imag)}
            else:
                self.values[n] = _to_numpy(torch, v)
        if not self.values:
            raise BadInput(f"{called}: neither arguments nor parameters are floating tensors that require a gradient")
        self._dtypes = {n: v.dtype for n, v in self.values.items()}
        self.remarks: list[str] = []
        self.no_double = ""
        self.kept = self._kept()
        split = [f"complex, so each is two inputs: {', '.join(self.complex)}"] * bool(self.complex)
        self.remarks = [*_remarks_on_fixed(code), *split, *self.remarks]
        self.no_double = self._why_no_double()
        if self.no_double:
            self.remarks.append(f"the code does not run in float64: {self.no_double}; the forward ran in its own")

    def forward(self) -> Callable[[Any], Any]:
        """The forward as a function of NumPy arrays. Arrays in the code's own dtypes run as the code does; float64
        arrays run in float64 where the code allows it.

        Its attribute `torch` is the same function of float64 tensors, for `oracles.torch_autograd`.
        """

        def forward(values: Any) -> Any:
            tensors, double = self._tensors(values)
            outputs = {k: _to_numpy(self.torch, v) for k, v in self._outputs(tensors, double).items()}
            if self._is_own(values) or double:
                return _unwrap_single(outputs)
            return _unwrap_single({k: v.astype(np.float64) for k, v in outputs.items()})

        def in_double(tensors: dict[str, Any]) -> Any:
            if self.no_double:
                raise CannotEvaluate(f"the code does not run in float64: {self.no_double}")
            if (
                self.torch.autograd.forward_ad._current_level < 0
            ):  # in forward mode, TorchScript drops the tangents of such
                tensors = {n: v.requires_grad_() for n, v in tensors.items()}
            return _unwrap_single(self._outputs(tensors, double=True))

        forward.torch = in_double  # type: ignore[attr-defined]
        forward.least_bits = lambda values: self.least_bits(forward, values)  # type: ignore[attr-defined]
        return forward

    def least_bits(self, function: Callable[..., Any], *arguments: Any) -> int:
        """Significant bits of the least precise float in a run of the code."""
        from lstm_ref.checking.code.adapters.dtypes_seen import least_bits

        return least_bits(lambda: function(*arguments))

    def backward(self, values: Any, bars: Any) -> Any:
        """The claim: the gradients of torch's backward pass. A gradient that is None counts as zero, as in torch."""
        from lstm_ref.checking.code.adapters.in_double import one_thread

        tensors, double = self._tensors(values)
        bars = {k: _to_torch(self.torch, v) for k, v in bars.items()} if len(self.kept) > 1 else bars
        try:
            with one_thread():
                found = self._pull(tensors, bars if len(self.kept) > 1 else _to_torch(self.torch, bars), double)
        except BadInput:
            raise
        except Exception as error:
            raise BadInput(f"{self.called}: its backward pass fails: {one_line(error)}") from error
        return {n: np.zeros_like(values[n]) if g is None else _to_numpy(self.torch, g) for n, g in found.items()}

    def _pull(self, tensors: dict[str, Any], bars: Any, double: bool) -> dict[str, Any]:
        """The gradients of torch's backward pass, None where it gives none."""

        def run(stack: ExitStack) -> tuple[list[Any], list[Any]]:
            outputs = self._outputs(tensors, double, stack)
            given = bars if len(outputs) > 1 else dict.fromkeys(outputs, bars)
            reached = [k for k, v in outputs.items() if v.requires_grad]
            return [outputs[k] for k in reached], [given[k].to(outputs[k]) for k in reached]

        leaves = list(tensors.values())
        with ExitStack() as stack:
            outputs, given = run(stack)
            try:
                found: Any = self.torch.autograd.grad(outputs, leaves, given, allow_unused=True)
            except RuntimeError as error:
                if "use_reentrant" not in str(error):
                    raise
                # Reentrant checkpointing takes no part in `grad`, but in `backward`.
                self.torch.autograd.backward(*run(stack))
                found = [v.grad for v in leaves]
        return dict(zip(tensors, found, strict=True))

    def pulled_back(self, tensors: dict[str, Any], bars: Any) -> dict[str, Any]:
        """The claim as a function of float64 tensors."""
        if self.no_double:
            raise CannotEvaluate(f"the code does not run in float64: {self.no_double}")
        found = self._pull({n: v.requires_grad_() for n, v in tensors.items()}, bars, double=True)
        return {n: self.torch.zeros_like(tensors[n]) if g is None else g for n, g in found.items()}

    def _is_own(self, values: Any) -> bool:
        return all(np.asarray(values[n]).dtype == dtype for n, dtype in self._dtypes.items())

    def _tensors(self, values: Any) -> tuple[dict[str, Any], bool]:
        """The values as tensors, and whether to run the code in float64 although it is written in lower precision."""
        _numpy_alone(values)
        double = not self._is_own(values) and not self.no_double
        tensors = {
            n: _to_torch(self.torch, np.asarray(values[n], np.float64 if double else dtype)).to(self._device(n))
            for n, dtype in self._dtypes.items()
        }
        # Even when only values are needed: some code takes a gradient on the way (a penalty, a force).
        return {n: v.requires_grad_() for n, v in tensors.items()}, double

    def _device(self, name: str) -> Any:
        inputs = self.code.inputs
        return inputs[name if name in inputs else name.rpartition(".")[0]].device

    def _outputs(self, tensors: dict[str, Any], double: bool, stack: ExitStack | None = None) -> dict[str, Any]:
        outputs = _split_complex(self._run(tensors, double, stack))
        for k in self.kept:
            if k not in outputs:
                raise BadInput(f"{self.called}: its output {k} is missing in some calls")
        return {k: outputs[k] for k in self.kept}

    def _run(self, tensors: dict[str, Any], double: bool, stack: ExitStack | None = None) -> dict[str, Any]:
        whole = {n: v for n, v in tensors.items() if n in self.code.inputs}
        whole |= {n: self.torch.complex(tensors[f"{n}.real"], tensors[f"{n}.imag"]) for n in self.complex}
        try:
            return self.code.run(whole, double=double, stack=stack)
        except LstmRefError:
            raise
        except Exception as error:
            raise BadInput(f"{self.called} fails: {one_line(error)}") from error

    def _kept(self) -> list[str]:
        """The names of the outputs to compare: floating, and with a gradient. Raises BadInput if there is none."""
        outputs = _split_complex(self._run(self._tensors(self.values)[0], False))
        floating = {k: v for k, v in outputs.items() if isinstance(v, self.torch.Tensor) and v.dtype.is_floating_point}
        if not floating:
            given = ", ".join(sorted({_kind(v) for v in outputs.values()}))
            raise BadInput(f"{self.called}: outputs must be floating tensors, got {given or 'none'}")
        kept = [k for k, v in floating.items() if v.requires_grad]
        if not kept:
            raise BadInput(f"{self.called}: in torch, none of its outputs depends on its inputs")
        left = [f"{k or 'the output'} ({_kind(v)})" for k, v in outputs.items() if k not in floating and v is not None]
        if left:
            self.remarks.append(f"outputs left out, because they are not floats: {', '.join(left)}")
        if len(kept) < len(floating):
            without = ", ".join(k for k in floating if k not in kept)
            self.remarks.append(f"outputs left out, because torch gives them no gradient: {without}")
        return kept

    def _why_no_double(self) -> str:
        """Torch's reason why the code does not run in float64; empty if it does."""
        try:
            given = {n: v.astype(np.float64) for n, v in self.values.items()}
            outputs = _split_complex(self._run(self._tensors(given)[0], True))
        except BadInput as error:
            return str(error).removeprefix(f"{self.called} fails: ")
        lower = [k for k in self.kept if k not in outputs or outputs[k].dtype != self.torch.float64]
        return f"{lower[0] or 'its output'} stays {outputs[lower[0]].dtype}" if lower and lower[0] in outputs else ""


def _own_name(function: Any) -> str | None:
    """The user's name for a function whose `__name__` is another: the class of an `apply`, or a TorchScript
    function."""
    owner = getattr(function, "__self__", None)
    return owner.__name__ if isinstance(owner, type) else getattr(function, "original_name", None)


def _names(function: Any, count: int) -> list[str]:
    """The names of the arguments: for a module, its forward's parameters; for a Function's `apply`, its forward's
    parameters without `ctx`."""
    import torch

    owner = getattr(function, "__self__", None)
    if isinstance(owner, type) and issubclass(owner, torch.autograd.Function):
        takes_ctx = owner.setup_context is torch.autograd.Function.setup_context
        return argument_names(owner.forward, count + takes_ctx)[takes_ctx:]
    if isinstance(function, torch.nn.Module):
        function = function.forward
    schema = getattr(function, "schema", None)
    if schema is not None:  # TorchScript functions have a schema in place of a signature
        names = [a.name for a in schema.arguments if a.name != "self"]
        return [names[k] if k < len(names) else f"argument_{k}" for k in range(count)]
    return argument_names(inspect.unwrap(function), count)


def _remarks_on_fixed(code: Any) -> list[str]:
    """Remarks on the parameters that are held fixed."""
    remarks = []
    if code.frozen:
        remarks.append(f"held fixed, because they require no gradient: {', '.join(code.frozen)}")
    if code.padding:
        rows = ", ".join(f"row {k} of {n}" for n, k in code.padding.items())
        remarks.append(f"held fixed, because torch gives the row of padding_idx no gradient: {rows}")
    if code.held:
        remarks.append(
            f"held fixed with their parameters: {', '.join(dict.fromkeys(code.held))} (to have a module's parameters "
            "checked, give the module, or a method of it, as the function)"
        )
    return remarks


def _kind(v: Any) -> str:
    return f"{type(v).__name__} of {v.dtype}" if hasattr(v, "dtype") else type(v).__name__


def _split_complex(outputs: dict[str, Any]) -> dict[str, Any]:
    """The outputs, with each complex one split into its real and its imaginary part, and each sparse one made dense."""
    found: dict[str, Any] = {}
    for k, v in outputs.items():
        if hasattr(v, "dtype") and getattr(v.dtype, "is_complex", False):
            found |= {f"{k}.real" if k else "real": v.real, f"{k}.imag" if k else "imag": v.imag}
        else:
            found[k] = v.to_dense() if getattr(v, "is_sparse", False) else v
    return found


def _unwrap_single(outputs: dict[str, Any]) -> Any:
    """The output itself if there is only one; otherwise all outputs by path."""
    return next(iter(outputs.values())) if len(outputs) == 1 else outputs


def _numpy_alone(values: Any) -> None:
    """Raises for anything but NumPy arrays: JAX cannot trace torch code, and it cannot run on balls."""
    for v in jax.tree.leaves(values):
        if isinstance(v, jax.core.Tracer):
            raise TypeError(FLOATS_ALONE)
        if np.asarray(v).dtype.kind in "Oc":
            raise TakesFloatsAlone(FLOATS_ALONE)


def _to_numpy(torch: Any, tensor: Any) -> np.ndarray:
    tensor = tensor.detach().cpu().resolve_conj().resolve_neg()
    tensor = tensor.to_dense() if tensor.layout != torch.strided else tensor
    if tensor.dtype == torch.bfloat16:  # NumPy gets bfloat16 from ml_dtypes, through JAX
        return np.asarray(tensor.float().numpy()).astype(jax.numpy.bfloat16)
    return np.array(tensor.numpy())


def _to_torch(torch: Any, array: Any) -> Any:
    array = np.asarray(array)
    if array.dtype == jax.numpy.bfloat16:
        return torch.tensor(array.astype(np.float32)).to(torch.bfloat16)
    return torch.tensor(array)
