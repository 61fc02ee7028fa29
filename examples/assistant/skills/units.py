"""Converts lengths, weights and temperatures to other units."""

UNITS = {  # for each unit: its names, what it measures, its size (meter, gram, Celsius = 1), and its zero point
    "meters|meter|metres|metre": ("length", 1.0, 0.0),
    "kilometers|kilometer|kilometres|kilometre": ("length", 1000.0, 0.0),
    "miles|mile": ("length", 1609.344, 0.0),
    "feet|foot": ("length", 0.3048, 0.0),
    "inches|inch": ("length", 0.0254, 0.0),
    "grams|gram": ("weight", 1.0, 0.0),
    "kilograms|kilogram|kilos|kilo": ("weight", 1000.0, 0.0),
    "pounds|pound": ("weight", 453.59237, 0.0),
    "degrees celsius|celsius": ("temperature", 1.0, 0.0),
    "degrees fahrenheit|fahrenheit": ("temperature", 5 / 9, 32.0),
}
BY_NAME = {name: (names.split("|")[0], *unit) for names, unit in UNITS.items() for name in names.split("|")}


def add_to(bot):
    @bot.on(
        f"[what is|convert] {{amount:number}} {{unit:{'|'.join(BY_NAME)}}} (in|to) {{other:{'|'.join(BY_NAME)}}}",
        f"how many {{other:{'|'.join(BY_NAME)}}} are [in] {{amount:number}} {{unit:{'|'.join(BY_NAME)}}}",
    )
    def convert(amount, unit, other):
        (unit, kind, size, zero), (other, wanted, other_size, other_zero) = BY_NAME[unit], BY_NAME[other]
        if kind != wanted:
            return f"{unit} can't be turned into {other}.".capitalize()
        return f"{amount:g} {unit} are {round((amount - zero) * size / other_size + other_zero, 2):g} {other}."
