"""From values to figures, and how sure they are."""
import math
import random
import statistics

# What counts as "still the same speed".
TOLERANCE = 0.05
WINDOW = 3
RESAMPLED = 400
# A spread of the steady values beyond this is worth a warning.
NOISY = 0.10


def geometric_mean(ratios):
    ratios = list(ratios)
    return math.exp(math.fsum(map(math.log, ratios)) / len(ratios)) if ratios else None


def steady_start(values):
    """Where the warm-up ends: the index of the first value from which on nothing gets faster any more.

    The warm-up has ended with the first value that is, smoothed, as good as the median of the last half; later slow
    values are noise.
    """
    if len(values) < 2:
        return 0
    enough = statistics.median(values[len(values) // 2:]) * (1 + TOLERANCE)
    return next(i for i, value in enumerate(smooth(values)) if value <= enough)


def smooth(values):
    """Medians of a value and the next ones: single outliers don't count."""
    return [statistics.median(values[i:i + WINDOW]) for i in range(len(values))]


def is_steady(values):
    """Whether the last third is no faster than the third before it."""
    third = len(values) // 3
    if third < 1:
        return False
    last, before = values[-third:], values[-2 * third:-third]
    return statistics.median(last) >= statistics.median(before) * (1 - TOLERANCE)


def steady(values):
    """The values after the warm-up; never the very first if there are others."""
    return values[max(steady_start(values), 1):] if len(values) > 1 else values


def level(values):
    """The lower quartile: what a value takes if nothing comes between. A machine is seldom quiet, and the median of a disturbed
    series tells more about the disturbance; the minimum, about luck.
    """
    if len(values) < 2:
        return values[0]
    return statistics.quantiles(values, n=4, method="inclusive")[0]


def warm(values):
    """The figure of a series: the level of its steady values."""
    return level(steady(values))


def warm_of(series):
    """The figure of several processes: the median of theirs."""
    return statistics.median(map(warm, series))


def time_to_steady(values, per_value):
    """Seconds of running before the warm-up had ended."""
    return math.fsum(values[:steady_start(values)]) * per_value


def spread(values):
    """Half of the distance between the quartiles, in proportion to the median."""
    if len(values) < 2:
        return 0.0
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return (high - low) / 2 / middle


def confidence(series, sure=0.95):
    """The interval that holds the level of some processes' values, by resampling processes and their values.

    `series` has a list of values for each process. With one process only its own values vary, and what differs from
    process to process stays unknown.
    """
    generator = random.Random(len(series))
    found = sorted(resampled_level(series, generator) for _ in range(RESAMPLED))
    cut = round(len(found) * (1 - sure) / 2)
    return found[cut], found[-1 - cut]


def resampled_level(series, generator):
    chosen = [generator.choice(series) for _ in series]
    return statistics.median(level(generator.choices(one, k=len(one))) for one in chosen)


def ratio_interval(above, below):
    """(least, likely, most) of the ratio of two figures: the edges of both intervals in the unfavourable way."""
    above, below = [steady(one) for one in above], [steady(one) for one in below]
    above_low, above_high = confidence(above)
    below_low, below_high = confidence(below)
    likely = statistics.median(map(level, above)) / statistics.median(map(level, below))
    return above_low / below_high, likely, above_high / below_low


def mean_interval(ratios, sure=0.95):
    """The interval of a geometric mean, by resampling what it is a mean of."""
    generator = random.Random(len(ratios))
    found = sorted(geometric_mean(generator.choices(ratios, k=len(ratios))) for _ in range(RESAMPLED))
    cut = round(len(found) * (1 - sure) / 2)
    return found[cut], found[-1 - cut]
