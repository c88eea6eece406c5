"""Prints the polynomials of `nn_scaled_tail` in _core/c/vmath.h.

With Q(t) = 1 - Phi(t) the upper tail of the normal distribution, R(t) = exp(t**2 / 2) Q(t) falls
slowly, from 1/2 at 0 to about 0.01 at 40. (t + 5/4) R(t) is between 0.41 and 0.63, and a smooth
function of u = (t - 5) / (t + 5), which Chebyshev interpolation makes a polynomial of u.

    python tools/normal_tail.py
"""

from decimal import Decimal, getcontext

DIGITS = 450  # exp(40**2 / 2) alone cancels 348 of them
TINY = Decimal(10) ** -(DIGITS - 10)
SHIFT, FLAT = Decimal(5), Decimal("1.25")


def arctan_of_inverse(n: int) -> Decimal:
    power, total, k = 1 / Decimal(n), Decimal(0), 1
    while abs(power) > TINY:
        total += power / k
        power, k = -power / (n * n), k + 2
    return total


def pi() -> Decimal:
    """Machin's formula."""
    return 4 * (4 * arctan_of_inverse(5) - arctan_of_inverse(239))


def cos(x: Decimal) -> Decimal:
    term, total, k = Decimal(1), Decimal(0), 0
    while abs(term) > TINY:
        total, k = total + term, k + 2
        term *= -x * x / (k * (k - 1))
    return total


def scaled_tail(t: Decimal, density: Decimal) -> Decimal:
    """exp(t**2 / 2) Q(t): 1/2 exp(t**2 / 2) - density (t + t**3 / 3 + t**5 / 15 + ...)."""
    term, total, n = t, Decimal(0), 1
    while term > TINY:
        total, n = total + term, n + 2
        term *= t * t / n
    return (t * t / 2).exp() / 2 - density * total


def chebyshev(values: list[Decimal], half_turn: Decimal) -> list[Decimal]:
    """Coefficients of the polynomial through values at the Chebyshev points."""
    n = len(values)
    angles = [half_turn * (2 * j + 1) / (2 * n) for j in range(n)]
    sums = [sum(v * cos(k * a) for v, a in zip(values, angles, strict=True)) for k in range(n)]
    return [s * (1 if k == 0 else 2) / n for k, s in enumerate(sums)]


def add(one: list[Decimal], other: list[Decimal], factor: Decimal) -> list[Decimal]:
    """one + factor * other, as polynomials."""
    longer = max(len(one), len(other))
    padded = [p + [Decimal(0)] * (longer - len(p)) for p in (one, other)]
    return [a + factor * b for a, b in zip(*padded, strict=True)]


def powers(series: list[Decimal], low: Decimal, high: Decimal) -> list[Decimal]:
    """The Chebyshev series on [low, high] in powers of u, by Clenshaw's recurrence."""
    scale, offset = 2 / (high - low), -(high + low) / (high - low)
    b1: list[Decimal] = [Decimal(0)]
    b2: list[Decimal] = [Decimal(0)]
    for c in reversed(series[1:]):
        shifted = add([offset * x for x in b1], [Decimal(0), *b1], scale)
        b1, b2 = add(add([c], shifted, Decimal(2)), b2, Decimal(-1)), b1
    shifted = add([offset * x for x in b1], [Decimal(0), *b1], scale)
    return add(add([series[0]], shifted, Decimal(1)), b2, Decimal(-1))


def fit(degree: int, largest: int) -> list[float]:
    """The polynomial of u, lowest power first, for t up to `largest`."""
    half_turn = pi()
    density = 1 / (2 * half_turn).sqrt()
    low, high = Decimal(-1), (largest - SHIFT) / (largest + SHIFT)
    values = []
    for j in range(degree + 1):
        x = cos(half_turn * (2 * j + 1) / (2 * (degree + 1)))
        u = (low + high) / 2 + x * (high - low) / 2
        t = SHIFT * (1 + u) / (1 - u)
        values.append((t + FLAT) * scaled_tail(t, density))
    return [float(c) for c in powers(chebyshev(values, half_turn), low, high)[: degree + 1]]


def main() -> None:
    """Print both polynomials, highest power first."""
    getcontext().prec = DIGITS
    for name, degree, largest in (("float32", 10, 16), ("float64", 23, 40)):
        print(f"{name}, degree {degree}, t up to {largest}")
        for c in reversed(fit(degree, largest)):
            print(f"    {c.hex()}  {c:.17g}")


if __name__ == "__main__":
    main()
