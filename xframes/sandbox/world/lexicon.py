"""The words of the sandbox's community: invented names, and sentences written for this project.

People talk about `TOPICS`; other modules refer to a topic by its index there. Every sentence with
`{thing}` is filled with the topic's own words, so a search for a topic word finds several pages. No
name or quote here is of a real person.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Topic:
    """One interest of the community: its words, tags, emoji, and X's annotation of it."""

    word: str
    weight: float
    things: tuple[str, ...]
    tags: tuple[str, ...]
    emoji: tuple[str, ...]
    sentences: tuple[str, ...]
    entity_id: str
    cashtags: tuple[str, ...] = ()


TOPICS: tuple[Topic, ...] = (
    Topic(
        "coffee", 17,
        ("espresso", "pour over", "flat white", "light roast", "burr grinder", "cold brew",
         "moka pot",
         "filter basket"),
        ("coffee", "espresso", "slowcoffee", "homebarista"),
        ("\u2615", "\U0001fad8", "\U0001f62e\u200d\U0001f4a8"),
        ("Dialled in the {thing} and the coffee finally tastes like plums",
         "Third coffee before noon, and the {thing} is to blame",
         "My {thing} arrived today; coffee & quiet for the rest of the week",
         "The trick with a {thing} is patience, good water & fresh coffee",
         "Is a {thing} worth it for one cup of coffee a day?",
         "Ratio notes: 1:16 for the {thing}, brew time < 3 minutes, best coffee this month",
         "Somebody left a {thing} in the office kitchen and coffee hour is a party now"),
        "1000000000000000101", ("BEAN", "ROST"),
    ),
    Topic(
        "duckdb", 15,
        ("window function", "parquet scan", "lateral join", "group by all", "csv sniffer",
         "hash join",
         "spatial query"),
        ("duckdb", "sql", "parquet", "dataengineering"),
        ("\U0001f986", "\U0001f4ca", "\U0001f9d1\u200d\U0001f4bb"),
        ("Replaced a whole cluster with duckdb and one {thing}",
         "duckdb answered the {thing} before the progress bar was drawn",
         "Today I learned that a {thing} in duckdb runs in < 40 ms on my laptop",
         "Teaching a {thing} with duckdb in the browser, no server & no setup",
         "If rows > memory the {thing} spills to disk, duckdb just keeps going",
         "A {thing} walks into a bar & duckdb returns it sorted",
         "New notebook: from raw pages to a {thing}, all in duckdb"),
        "1000000000000000102", ("QUAK",),
    ),
    Topic(
        "climate", 13,
        ("heat pump", "river gauge", "rain barrel", "tree cover map", "solar roof",
         "flood plain", "weather station"),
        ("climate", "energy", "openscience", "weather"),
        ("\U0001f30d", "\U0001f327\ufe0f", "\u2600\ufe0f"),
        ("The {thing} data is public, and so is the climate code behind it",
         "Ten years of climate records from one {thing}, plotted by hour",
         "Our street paid for a {thing} together; climate work starts next door",
         "A {thing} tells you more about local climate than any slogan",
         "Reading the new climate chapter on the {thing}: 3 tables & 40 footnotes",
         "Does anybody maintain a {thing} near the coast? climate class needs readings",
         "Warmest March at our {thing} since 1994, climate models said > 60 % likely"),
        "1000000000000000103", ("SUNN", "WNDY"),
    ),
    Topic(
        "cycling", 12,
        ("gravel loop", "rear derailleur", "night ride", "cargo bike", "mountain pass",
         "bike lane", "chain wax"),
        ("cycling", "gravel", "bikecommute", "ridereport"),
        ("\U0001f6b4\u200d\u2640\ufe0f", "\U0001f6b2", "\U0001f3d4\ufe0f"),
        ("A wet {thing} before breakfast, cycling is mostly laundry",
         "The {thing} is open again and the whole cycling club came out",
         "My {thing} squeaks in the key of G, cycling in a musical household",
         "62 km with a {thing} & two flat tyres, still a good cycling day",
         "Cycling to work: the {thing} saves me 11 minutes",
         "Looking for company on a {thing} this Sunday, cycling pace < 20 km/h",
         "They painted a {thing} on our road and cycling doubled in a week"),
        "1000000000000000104", ("GEAR",),
    ),
    Topic(
        "gardening", 11,
        ("tomato bed", "compost heap", "runner bean", "seed tray", "apple graft", "rain butt",
         "herb spiral"),
        ("gardening", "growyourown", "compost", "allotment"),
        ("\U0001f331", "\U0001f345", "\U0001f9d1\U0001f3fd\u200d\U0001f33e"),
        ("The {thing} survived the frost, gardening is a game of nerves",
         "First {thing} of the year; gardening diary says two weeks early",
         "Swapped a {thing} for three jars of honey at the gardening club",
         "Slugs 7, me 2. The {thing} will need a fence & gardening will need a budget",
         "Gardening question: can a {thing} live in half shade?",
         "What I planted vs what came up in the {thing}: gardening in one picture",
         "Watered the {thing} by moonlight, gardening after a long shift"),
        "1000000000000000105",
    ),
    Topic(
        "chess", 10,
        ("knight sacrifice", "rook endgame", "club blitz", "opening trap", "pawn storm",
         "mate in three",
         "queen trade"),
        ("chess", "endgame", "blitz", "chesspuzzle"),
        ("\u265f\ufe0f", "\U0001f3c1", "\U0001f914"),
        ("Lost to a {thing} again, chess club was kind about it",
         "Puzzle: white to move, {thing}, answer tomorrow, chess for breakfast",
         "My niece found the {thing} in 9 seconds, chess has a new champion at home",
         "Annotated the {thing} from last night's chess match, move 31 < move 32",
         "A {thing} & a cup of tea: chess for rainy days",
         "Chess teachers: how do you explain a {thing} to beginners?",
         "The {thing} looked winning, the chess engine disagreed by 4 points"),
        "1000000000000000106",
    ),
    Topic(
        "astronomy", 9,
        ("star trail", "meteor shower", "moon halo", "comet tail", "dark sky park",
         "tracking mount", "nebula stack"),
        ("astronomy", "astrophoto", "nightsky", "stargazing"),
        ("\U0001f52d", "\U0001f319", "\U0001f30c"),
        ("Forty frames for one {thing}, astronomy rewards the stubborn",
         "Clouds all night, so here is last week's {thing}; astronomy needs patience",
         "The school saw a {thing} through our telescope, astronomy night was full",
         "Polar alignment < 2 arc minutes and the {thing} came out sharp, astronomy joy",
         "Astronomy club meets Friday: bring a red lamp & a chair for the {thing}",
         "Is that a {thing} or a street lamp? astronomy beginners welcome"),
        "1000000000000000107",
    ),
    Topic(
        "baking", 9,
        ("rye loaf", "sourdough starter", "cinnamon knot", "plum tart", "stone oven",
         "oat biscuit", "brioche dough"),
        ("baking", "sourdough", "breadtok", "recipe"),
        ("\U0001f35e", "\U0001f950", "\U0001f468\u200d\U0001f373"),
        ("The {thing} doubled overnight, baking in a warm kitchen",
         "Baking log: {thing}, 78 % water, crumb as open as my calendar",
         "Gave away a {thing} & got a recipe back, baking economics",
         "If the {thing} sinks, call it rustic. Baking rule number one",
         "Baking for thirty people, so the {thing} has its own fridge",
         "Flour > sugar > excuses: a {thing} by a lazy baking fan"),
        "1000000000000000108", ("LOAF",),
    ),
    Topic(
        "books", 8,
        ("short story", "library card", "map atlas", "poetry shelf", "reading lamp",
         "second-hand novel",
         "margin note"),
        ("books", "amreading", "library", "bookclub"),
        ("\U0001f4da", "\U0001f4d6", "\u2728"),
        ("Found a {thing} under the stairs, books find you",
         "Our books club voted for a {thing}, 11 to 2",
         "A {thing} costs less than lunch & books keep longer",
         "Which {thing} should open the books festival?",
         "Books I did not finish: one, because the {thing} was missing pages",
         "The library lends a {thing} now, not only books"),
        "1000000000000000109",
    ),
    Topic(
        "trains", 6,
        ("night train", "branch line", "signal box", "dining car", "timetable",
         "narrow gauge engine", "ticket hall"),
        ("trains", "railway", "nighttrain", "publictransport"),
        ("\U0001f682", "\U0001f689", "\U0001f1ea\U0001f1fa"),
        ("Woke up on a {thing} with a view of the lake, trains beat planes",
         "They reopened the {thing} after 40 years, trains are back in the valley",
         "Trains & tea: a {thing} story in nine stops",
         "The {thing} was 2 minutes early; trains can still surprise",
         "Drew the {thing} from memory, trains people please correct me",
         "Delay < 5 minutes on every {thing} today, trains in good form"),
        "1000000000000000110", ("RAIL",),
    ),
)

# What is said whatever the topic: before, after, and in answer to others.
OPENERS = ("Good morning!", "Small update:", "Note to self:", "Hot take:", "Field report:",
           "For the record,",
           "Long day.", "Honest question:", "PSA:", "It's official:")
CLOSERS = ("More soon.", "What do you think?", "Pictures tomorrow.", "I'm still smiling.",
           "Ask me anything.",
           "Thanks to everyone who helped.", "Worth every minute.", "Details in the link.",
           "Notes & sources below.",
           "Don't try this at home.")
REPLIES = ("That's lovely, thank you for sharing", "Same here, and it took < 10 minutes",
           "Could you post the details?",
           "I tried that last year & it worked", "Not sure I agree, but nicely put",
           "Saving this for the weekend",
           "How long did it take?", "This made my day",
           "Mine broke after a week, what did you do differently?",
           "Exactly what I needed today", "Count me in", "We should write this down somewhere",
           "Numbers or it didn't happen", "Beautiful work", "The second picture is the best one")
QUOTES = ("This, a hundred times", "Good thread, read it all", "Adding my own notes here",
          "Quiet reminder that this works",
          "I was there & can confirm", "Counterpoint inside", "Best thing I read today",
          "For my students")

# Other languages: words for the topics in TOPICS order, and sentences to put them in.
FOREIGN: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "es": (
        ("café", "duckdb", "clima", "ciclismo", "jardinería", "ajedrez", "astronomía", "pan",
         "libros", "trenes"),
        ("Hoy toca {thing} y mañana también", "¿Quién se apunta a una tarde de {thing}?",
         "Aprendí más de {thing} en una semana que en un año",
         "Mi abuela sabe de {thing} & no lo presume",
         "Un buen día empieza con {thing}", "Nuevas notas sobre {thing}, en español"),
    ),
    "fr": (
        ("café", "duckdb", "climat", "vélo", "jardinage", "échecs", "astronomie", "boulangerie",
         "livres", "trains"),
        ("Un dimanche de {thing}, rien d'autre", "Quelqu'un pour parler de {thing} ce soir ?",
         "J'ai rangé toutes mes notes de {thing}",
         "Le club de {thing} cherche une salle & des chaises",
         "Encore une belle histoire de {thing}", "Le meilleur {thing} se partage à plusieurs"),
    ),
    "de": (
        ("Kaffee", "duckdb", "Klima", "Radfahren", "Gartenarbeit", "Schach", "Astronomie",
         "Backen", "Bücher", "Züge"),
        ("Heute nur {thing} und frische Luft", "Wer hat Lust auf {thing} am Samstag?",
         "Über {thing} lernt man nie aus", "Mein Nachbar & ich streiten über {thing}",
         "Drei Stunden {thing}, keine Minute bereut", "Größere Pläne für {thing} im Frühling"),
    ),
    "pt": (
        ("café", "duckdb", "clima", "ciclismo", "jardinagem", "xadrez", "astronomia", "pão",
         "livros", "comboios"),
        ("Mais um dia de {thing} por aqui", "Alguém quer conversar sobre {thing}?",
         "A minha coleção de {thing} cresceu", "Aprender {thing} devagar & bem",
         "Há sempre tempo para {thing}", "Apontamentos de {thing}, quarta página"),
    ),
    "it": (
        ("caffè", "duckdb", "clima", "ciclismo", "giardinaggio", "scacchi", "astronomia",
         "pane", "libri", "treni"),
        ("Una giornata di {thing} e basta", "Chi viene alla serata di {thing}?",
         "Ho imparato {thing} da mia zia & da un libro", "Appunti di {thing}, seconda parte",
         "Il bello di {thing} è la pazienza"),
    ),
    "ja": (
        ("コーヒー", "duckdb", "気候", "自転車", "園芸", "チェス", "天文", "パン", "本", "電車"),
        ("今日は{thing}の日です", "{thing}が好きな人と話したい",
         "週末の{thing}の写真を整理しました", "{thing}について少し書きました",
         "朝の{thing}、最高でした", "{thing}を始めて三年になります"),
    ),
}
LANGUAGES: tuple[tuple[str, float], ...] = (
    ("en", 64), ("es", 9), ("fr", 6), ("de", 7), ("pt", 4), ("it", 3), ("ja", 7),
)

# Invented names: usernames are two of the first lists; display names come from the other two.
NAME_HEADS = ("quiet", "amber", "north", "paper", "copper", "velvet", "pixel", "maple",
              "harbor", "misty", "lucky",
              "tiny",
              "brisk", "cobalt", "plain", "hollow", "sunny", "rusty", "silver", "bold")
NAME_TAILS = ("otter", "kettle", "rook", "comet", "ledger", "spoke", "fern", "loaf", "signal",
              "atlas", "heron",
              "query",
              "lantern", "pedal", "sprout", "gambit", "crumb", "margin", "valley", "marmot")
GIVEN = ("Arlo", "Benja", "Cirel", "Dunya", "Eskil", "Farah", "Goran", "Hedda", "Ilmar",
         "Junia", "Kaveh", "Lioba",
         "Mirko",
         "Nandi", "Oriol", "Pavla", "Quill", "Runa", "Sefa", "Tamsin", "Ulla", "Veda", "Wiebe",
         "Xenia", "Yorick",
         "Zuri")
FAMILY = ("Ashdown", "Brindle", "Corvin", "Dellmar", "Eastley", "Fenwold", "Grayling",
          "Hartsel", "Inverlo", "Jasker",
          "Kestrane", "Lowmoor", "Marwick", "Norvell", "Ostrand", "Pellham", "Quarrow",
          "Rendahl", "Stellick",
          "Thornby")
BIOS = ("{topic} & long walks", "Mostly {topic}. Opinions are borrowed.",
        "I write about {topic}; replies welcome",
        "Collector of {topic} notes, maker of soup", "Half {topic}, half weather",
        "{topic} person since the last century",
        "Volunteer at the local {topic} club", "Learning {topic} in public")
ORGANISATIONS = ("Harbor Tools", "Northfield Observatory", "Ledger & Loaf", "Brightspoke",
                 "Paper Lantern Press",
                 "Valley Weather Office", "City of Fernmouth")
DOMAINS = ("beanjournal.example", "quackbench.example", "rivergauge.example", "spokenotes.example",
           "slowgarden.example",
           "rookery.example", "skylog.example", "crumbpaper.example", "marginalia.example",
           "branchline.example")
TITLES = ("A field guide to {thing}", "What we measured about {thing}", "{thing}, explained slowly",
          "Nine notes on {thing}")

# Invented towns in real countries: (name, region, country, code, longitude, latitude).
TOWNS: tuple[tuple[str, str, str, str, float, float], ...] = (
    ("Fernmouth", "Devonshire Coast", "United Kingdom", "GB", -3.52, 50.61),
    ("Alderquay", "Northfield", "United Kingdom", "GB", -1.61, 54.97),
    ("Cobalt Springs", "Colorado", "United States", "US", -105.22, 39.74),
    ("Maple Harbor", "Maine", "United States", "US", -69.11, 44.10),
    ("Saltfield", "Oregon", "United States", "US", -123.90, 45.20),
    ("Birkenau am See", "Bayern", "Deutschland", "DE", 11.30, 47.95),
    ("Valdeluz", "Asturias", "España", "ES", -5.85, 43.36),
    ("Pont-des-Saules", "Bretagne", "France", "FR", -3.36, 47.75),
    ("Serra Branca", "Minas Gerais", "Brasil", "BR", -43.93, -19.92),
    ("Borgo Pineta", "Toscana", "Italia", "IT", 10.40, 43.72),
    ("Aoyama-hara", "Nagano", "日本", "JP", 138.18, 36.65),
)
POLLS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Which one would you keep?", ("The old one", "The new one", "Both", "Neither")),
    ("Morning or evening?", ("Morning", "Evening")),
    ("How often do you do this?", ("Daily", "Weekly", "Once a year")),
    ("Settle this for our club", ("Yes & always", "No", "It depends")),
)
ALT_TEXTS = ("A wooden table with notes and a lamp", "Hands holding a small tool",
             "A chart with one rising line",
             "Early light over a valley", "A shelf, seen from below")

_COMMUNITIES_FROM = 1_500_000_000_000_000_000


def community_id(topic: int) -> int:
    """Return the id of X's community of a topic."""
    return _COMMUNITIES_FROM + topic


def community_topic(id: int) -> int | None:
    """Return the topic of the community with an id, or None if there is none."""
    topic = id - _COMMUNITIES_FROM
    if 0 <= topic < len(TOPICS):
        return topic
    return None
