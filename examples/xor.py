"""Learn XOR, restart networks that are stuck, and draw the training.

python examples/xor.py
"""

from nncore.trainers import plots
from nncore.trainers.xor.train import train_xor, xor_success_rates


def main() -> None:
    """With two hidden units, the minimum, about one start in nine gets stuck."""
    for size, share in xor_success_rates(seeds=100).items():
        print(f"{size:2} hidden units: {share:.0%} of single starts learn the truth table")

    result = train_xor(hidden_size=2, rng=41)
    for diagnosis in result.diagnoses:
        print(f"restarted because of a {diagnosis}")
    print(f"{result.net.predict_class(result.X)} for {result.X.tolist()}")

    result = train_xor(hidden_size=50, dataset="points", reg=1e-3, snapshots=60)
    print(f"\npoints: accuracy {result.accuracy:.3f}, {result.history}")
    if plots.available():
        from nncore.trainers.xor import plots as plots_xor

        plots_xor.training_picture(result, "xor.png")
        plots_xor.training_animation(result, "xor.gif")
        print("pictures: xor.png, xor.gif")


if __name__ == "__main__":
    main()
