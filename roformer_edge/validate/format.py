"""Numbers, made fit to be read."""

from __future__ import annotations

from roformer_edge.validate.language import count, translate

MINUS = "\N{MINUS SIGN}"


def percent(share: float) -> str:
    """Write a share in [0, 1] in percent."""
    return translate("{number} %", number=f"{100 * share:.2f}")


def decimal(value: float, digits: int = 2) -> str:
    """Write a number with a fixed number of decimals and a proper minus; without one where it rounds to 0."""
    text = f"{abs(value):.{digits}f}"
    return f"{MINUS}{text}" if value < 0 and float(text) else text


def significant(value: float, digits: int = 3) -> str:
    """Write a number with about ``digits`` significant digits and no exponent unless it is tiny."""
    if value < 0:
        return MINUS + significant(-value, digits)
    if value == 0:
        return "0"
    if abs(value) < 1e-4:
        return f"{value:.{digits - 1}e}"
    decimals = next((d for d in range(digits + 3) if abs(value) * 10**d >= 10 ** (digits - 1)), digits - 1)
    return f"{value:.{decimals}f}"


def size(count: int) -> str:
    """Write bytes in decimal units, three significant digits."""
    value, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 999.5:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} B" if unit == "B" else f"{significant(value)} {unit}"


def milliseconds(value: float) -> str:
    """Write a time, three significant digits."""
    return translate("{number} ms", number=significant(value))


def counted(number: int, noun: str) -> str:
    """Write ``1 text``, ``1,200 texts``."""
    return count(number, noun)


def moment(created: str) -> str:
    """Write ``2026-01-31T23:59:59Z`` as a person writes it, to the minute; in Chinese ``2026年1月31日 23:59``."""
    year, month, day = created[:4], created[5:7], created[8:10]
    # in Chinese dates are written without zeros in front
    values = {"year": year, "month": month.lstrip("0"), "day": day.lstrip("0"), "time": created[11:16]}
    return translate("{date} {time} UTC", date=created[:10], **values)


def valued(value: float, unit: str) -> str:
    """Write a figure in its unit: a share in percent, any other number with three digits."""
    return percent(value) if unit == "percent" else significant(value)


def in_unit(value: float, unit: str) -> str:
    """Write a figure or a cost in its unit: a share, bytes, milliseconds, or any other number."""
    if unit == "bytes":
        return size(int(value))
    return milliseconds(value) if unit == "milliseconds" else valued(value, unit)


def drop_in_unit(value: float, unit: str) -> str:
    """Write what was lost, in points of shares and else in the unit; a gain has a minus."""
    if unit == "percent":
        return translate("{number} points", number=decimal(value))
    text = in_unit(abs(value), unit)
    return f"{MINUS}{text}" if value < 0 else text


def both(reference: float, candidate: float, unit: str = "percent") -> str:
    """Write a figure of both sides in its unit, without its sign; once where both look the same."""
    ours, theirs = (
        f"{100 * value:.1f}" if unit == "percent" else significant(value) for value in (reference, candidate)
    )
    return ours if ours == theirs else f"{ours} → {theirs}"


def drop_of_part(value: float, unit: str) -> str:
    """Write what was lost of a figure in a table of many: points of shares with one decimal; a gain has a minus."""
    return decimal(value, 1) if unit == "percent" else drop_in_unit(value, unit)
