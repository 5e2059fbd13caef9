"""How loops are compiled that only other loops call."""

#: Without the way in from Python, which is a tenth of what there is to compile.
INNER = {"nogil": True, "cache": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
