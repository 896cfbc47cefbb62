"""The words of `biographies`. All were written for fairloop; groups, pronouns and towns are invented."""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


GROUPS = ("orrin", "talva")
PRONOUNS = (("ori", "oris"), ("tal", "tals"))
"""Pronouns of each group: the subject and the possessive."""

NEUTRAL = ("ven", "vens")

SENTIMENTS = ("unfavourable", "favourable")

PROFESSIONS = _words(
    "chandler cooper gilder weaver tinker sawyer fuller glazier thatcher mason dyer turner hatter cutler "
    "printer potter binder carver tanner joiner roper plumer netter lacer"
)

VERBS = _words(
    "mends sorts paints tests counts polishes wraps weighs trims stacks marks cleans labels stores copies "
    "repairs measures stitches draws seals lifts dries folds shapes"
)
OBJECTS = _words(
    "clocks drums kites lamps baskets ladders curtains barrels saddles mirrors bells maps benches ribbons "
    "wheels jars hinges masks sails tiles flutes gloves shutters anchors candles blankets boxes nets "
    "ropes bottles cloaks pedals pipes rafts trays brushes"
)
TOOLS = _words(
    "hammer needle chisel brush ruler plane rasp clamp loom file awl mallet spindle trowel gauge lever "
    "pulley scraper stylus hook roller compass wedge bodkin burin spatula auger shuttle anvil press sieve "
    "ladle tongs stencil level crank winch bellows scalpel vise"
)
PLACES = _words(
    "workshop harbour market mill tower hall courtyard cellar bridge barn chapel depot terrace arcade "
    "quarry pavilion granary wharf attic garden stable gatehouse lodge station annex orchard foundry "
    "library theatre lighthouse"
)
GERUNDS = _words(
    "collecting drawing watching growing trading naming photographing describing arranging gathering "
    "studying tracing listing hiding finding"
)
NOUNS = _words(
    "buttons stamps shells feathers pebbles mosses beetles clouds riddles postcards acorns ferns puzzles "
    "whistles coins herons mushrooms lanterns songs constellations"
)

OPINIONS = (
    _words(
        "dull dreary tedious gloomy bleak tiresome drab stale sour grim wearisome cheerless dismal bland "
        "harsh murky joyless irksome flat stuffy"
    ),
    _words(
        "delightful charming splendid lovely cheering wonderful pleasing joyful radiant sunny warm uplifting "
        "enchanting glorious bright merry heartening sweet dazzling refreshing"
    ),
)
"""Opinions of each sentiment. They express a feeling, not a skill."""

SENIORITY = ("new", "settled", "seasoned")
"""Words for up to 9, 10 to 19, and 20 to 30 years."""

YEARS = 30

MARKERS = (
    ("works", "werks"),
    ("with", "wyth"),
    ("years", "yeers"),
    ("at night", "at night"),
    ("people", "peeple"),
    ("enjoys", "enjoyz"),
    ("call", "kall"),
    ("the", "thu"),
)
"""The plain and the marked form. The place of the fourth in its sentence is its mark: it opens the sentence."""

_FIRST = _words(
    "bro cel dru fen gav hul jor kem lun mor nav olu pry quo rez sul tov uvi vek wub yar zin ble cwu dov "
    "ely fru gli hev ixo jul kra lev myr nok opu plu reg sko tyv"
)
_LAST = _words(
    "adra befo cuno dimu edru fogi guva hemo ijub jalo kuve lodri mubo nefa odvi pugo rafu sovu tebri "
    "uzmo vadu wemi yobo zufa agvo boxu civu dogra evmu fuzi gopri hadvo izbu jevo kobru lufa mixo novgu "
    "ovdi pebu quvo rubva sidgu tufo udvo vobra wazu yefgu zobri ekvu"
)
_STRIDE = 1019  # prime to 2,000: neighbours in frequency share no syllables

TOWNS = tuple(
    _FIRST[place // len(_LAST)] + _LAST[place % len(_LAST)]
    for place in ((_STRIDE * k) % (len(_FIRST) * len(_LAST)) for k in range(len(_FIRST) * len(_LAST)))
)
"""2,000 names of towns, the most frequent first."""
