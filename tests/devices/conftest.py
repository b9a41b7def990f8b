"""An option for longer tests of hostile guests."""


def pytest_addoption(parser):
    parser.addoption(
        "--hostile-rounds",
        type=int,
        default=1,
        help="how many times 100,000 values are thrown at each device",
    )
