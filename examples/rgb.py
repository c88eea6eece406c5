"""Train networks to predict whether a light or a dark font is readable on a colour.

python examples/rgb.py
"""

from nncore.trainers.rgb.train import train_rgb


def main() -> None:
    """Train on the embedded colours with three methods, then predict fonts with the best one."""
    results = {method: train_rgb(method=method, rng=1) for method in ("seed", "balanced", "plain")}
    for method, result in results.items():
        print(f"{method:<8} {result.accuracy:.1%} of {len(result.test)} new colours correct")
    best = max(results.values(), key=lambda result: result.accuracy)
    print(best.confusion)
    for color in ((255, 140, 0), (70, 130, 180), (75, 0, 130)):
        chance = best.predict_probability(*color)
        print(f"{color}: {best.predict_font(*color)} font, probability of dark {chance:.3f}")


if __name__ == "__main__":
    main()
