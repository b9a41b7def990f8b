"""VSX arithmetic, scalar and vector: sums to multiply-adds, maxima, rounding to integers. Ref: Book I 7.6.3."""

from __future__ import annotations

from .vsx_families import (
    fused_rows,
    scalar_binary,
    scalar_unary,
    vector_binary,
    vector_unary,
    whole_vector_roots,
    whole_vectors,
)

scalar_binary("XT <- XA + XB.", [("xsadddp", 32, 64), ("xsaddsp", 0, 32)], lambda b, *a: b.f_add(*a))
scalar_binary("XT <- XA - XB.", [("xssubdp", 40, 64), ("xssubsp", 8, 32)], lambda b, *a: b.f_sub(*a))
scalar_binary("XT <- XA × XB.", [("xsmuldp", 48, 64), ("xsmulsp", 16, 32)], lambda b, *a: b.f_mul(*a))
scalar_binary("XT <- XA / XB.", [("xsdivdp", 56, 64), ("xsdivsp", 24, 32)], lambda b, *a: b.f_div(*a))
whole_vectors("XT <- XA + XB.", [("xvadddp", 96, 64), ("xvaddsp", 64, 32)], "add")
whole_vectors("XT <- XA - XB.", [("xvsubdp", 104, 64), ("xvsubsp", 72, 32)], "sub")
whole_vectors("XT <- XA × XB.", [("xvmuldp", 112, 64), ("xvmulsp", 80, 32)], "mul")
whole_vectors("XT <- XA / XB.", [("xvdivdp", 120, 64), ("xvdivsp", 88, 32)], "div")

for _stem, _format, _xo, _precision in (("xs", "dp", 33, 64), ("xs", "sp", 1, 32), ("xv", "dp", 97, 64),
                                        ("xv", "sp", 65, 32)):
    fused_rows(_stem, _format, _xo, _precision)

scalar_unary("XT <- the square root of XB.", [("xssqrtdp", 75, 64), ("xssqrtsp", 11, 32)], lambda b, *a: b.f_sqrt(*a))
whole_vector_roots("XT <- the square root of XB.", [("xvsqrtdp", 203, 64), ("xvsqrtsp", 139, 32)])

# Estimates. Differs: POWER9 looks them up in a table; here they are the nearest numbers.
scalar_unary("XT <- estimate of 1 / XB.", [("xsredp", 90, 64), ("xsresp", 26, 32)], lambda b, *a: b.f_reciprocal(*a))
vector_unary("XT <- estimate of 1 / XB.", [("xvredp", 218, 64), ("xvresp", 154, 32)], lambda b, *a: b.f_reciprocal(*a))
scalar_unary("XT <- estimate of 1 / the root of XB.", [("xsrsqrtedp", 74, 64), ("xsrsqrtesp", 10, 32)],
             lambda b, *a: b.f_reciprocal_root(*a))
vector_unary("XT <- estimate of 1 / the root of XB.", [("xvrsqrtedp", 202, 64), ("xvrsqrtesp", 138, 32)],
             lambda b, *a: b.f_reciprocal_root(*a))

# Maxima and minima; a number beats a quiet NaN. The c and j forms do as C's ?: and as Java.
scalar_binary("XT <- the larger of XA and XB.", [("xsmaxdp", 160, 64)], lambda b, _p, *a: b.f_extremum("max", *a))
scalar_binary("XT <- the smaller of XA and XB.", [("xsmindp", 168, 64)], lambda b, _p, *a: b.f_extremum("min", *a))
scalar_binary("XT <- XA > XB ? XA : XB.", [("xsmaxcdp", 128, 64)], lambda b, _p, *a: b.f_extremum("maxc", *a), "3.0")
scalar_binary("XT <- XA < XB ? XA : XB.", [("xsmincdp", 136, 64)], lambda b, _p, *a: b.f_extremum("minc", *a), "3.0")
scalar_binary("XT <- the larger, or the first NaN.", [("xsmaxjdp", 144, 64)],
              lambda b, _p, *a: b.f_extremum("maxj", *a), "3.0")
scalar_binary("XT <- the smaller, or the first NaN.", [("xsminjdp", 152, 64)],
              lambda b, _p, *a: b.f_extremum("minj", *a), "3.0")
vector_binary("XT <- the larger of XA and XB.", [("xvmaxdp", 224, 64), ("xvmaxsp", 192, 32)],
              lambda b, _p, *a: b.f_extremum("max", *a))
vector_binary("XT <- the smaller of XA and XB.", [("xvmindp", 232, 64), ("xvminsp", 200, 32)],
              lambda b, _p, *a: b.f_extremum("min", *a))

# Rounding to an integer, in the number's own format.
for _name, _how, _where in (("i", "away", "half-way cases away from zero"), ("ic", "current", "by RN"),
                            ("im", "down", "toward -infinity"), ("ip", "up", "toward +infinity"),
                            ("iz", "zero", "toward zero")):
    _xo = {"i": 73, "ic": 107, "im": 121, "ip": 105, "iz": 89}[_name]
    _says = f"XT <- XB rounded to an integer, {_where}."
    scalar_unary(_says, [(f"xsrdp{_name}", _xo, 64)], lambda b, _p, *a, how=_how: b.f_to_integral(how, *a))
    vector_unary(_says, [(f"xvrdp{_name}", _xo + 128, 64), (f"xvrsp{_name}", _xo + 64, 32)],
                 lambda b, _p, *a, how=_how: b.f_to_integral(how, *a))
