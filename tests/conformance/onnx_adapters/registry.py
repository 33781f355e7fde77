"""The table of adapters: an ONNX operator, as operations of ours."""

ADAPTERS = {}
"""operator → (function of a Call, the dtypes of its outputs)."""


TYPES = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64",
    9: "bool", 10: "float16", 11: "float64", 12: "uint32", 13: "uint64",
}  # fmt: skip
"""ONNX's number of an element type → the dtype."""


def adapter(*operators, out="T"):
    """Register a function for operators. out: the dtypes of its results, the last for all that follow.

    "T" is the dtype of the first input, "T1" of the second, …; "as is" the result's own; or a dtype's name.
    """
    dtypes = (out,) if isinstance(out, str) else tuple(out)

    def register(function):
        for operator in operators:
            assert operator not in ADAPTERS, f"two adapters for {operator}"
            ADAPTERS[operator] = (function, dtypes)
        return function

    return register
