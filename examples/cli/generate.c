/* The data generator behind `medallion generate`.
 *
 * First a plan is made on one thread: how much each user rates and tags, which movies there are,
 * how popular and how good each is, and how opinions translate into stars so that the whole comes
 * out with the real histogram. Then threads take blocks of users, format them, and write them in
 * order.
 *
 * Where the tables come from: the counts and the histogram of ratings are those of ml-32m, the gaps
 * between ratings those of ml-latest-small, rounded. The other tables are approximations, chosen so
 * that median, mean and maximum come out as in ml-32m. */
#define _POSIX_C_SOURCE   200809L
#define _FILE_OFFSET_BITS 64

#include "generate.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ARRAY_LENGTH(array) ((int)(sizeof(array) / sizeof((array)[0])))

enum {
    MILLION = 1000000,

    FULL_N_USERS = 200948,
    FULL_N_MOVIES = 87585,
    FULL_N_RATINGS = 32000204,
    FULL_N_TAGS = 2000072,
    FULL_N_TAGGERS = 15848,
    FULL_MAX_MOVIE_ID = 292757,

    MAX_RATINGS_PER_USER = 33332,
    MAX_TAGS_PER_USER = 40000,
    TAGS_PER_TEXT = 13,

    /* A block of users ends at the first user that reaches one of these. */
    BLOCK_RATINGS = 65536,
    BLOCK_TAGS = 16384,

    RATING_ROW_MAX = 48, /* three numbers of at most 10 digits, "d.d", three commas, CRLF */
    TAG_TEXT_MAX = 64,
    TAG_ROW_MAX = 128, /* three numbers, the text, its quotes, three commas, CRLF */
    TITLE_MAX = 160,
    MOVIE_ROW_MAX = 640, /* a number, a title of doubled quotes at worst, every genre */
    LINK_ROW_MAX = 48,
    WRITE_SIZE = 1 << 18,

    N_RATING_VALUES = 10,
    N_YEARS = 29,
    FIRST_YEAR = 1995,
};

/* ---- randomness ------------------------------------------------------------------------------ */

typedef enum stream {
    STREAM_RATINGS_OF_USERS = 1,
    STREAM_TAGS_OF_USERS,
    STREAM_MOVIE_IDS,
    STREAM_POPULARITY,
    STREAM_FIRST_PICKS,
    STREAM_LINKS,
    STREAM_MOVIE,
    STREAM_QUALITY,
    STREAM_USER,
    STREAM_PICKS,
    STREAM_RATINGS,
    STREAM_TIMES,
    STREAM_TAGS,
} stream;

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* SplitMix64 (Steele, Lea, Flood 2014): its state is a counter, so streams start at no cost. */
static uint64_t next_random(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    return mix(*state);
}

static uint64_t random_stream(uint64_t seed, stream which, int64_t index)
{
    uint64_t of_stream = mix(seed + (uint64_t)which * UINT64_C(0x9e3779b97f4a7c15));
    return mix(of_stream ^ mix((uint64_t)index + UINT64_C(0xd1b54a32d192ed03)));
}

/* 0 … n-1; the bias of at most n / 2^32 does not matter here. */
static uint32_t random_below(uint64_t *state, uint32_t n)
{
    return (uint32_t)(((next_random(state) >> 32) * n) >> 32);
}

static bool random_chance(uint64_t *state, uint32_t per_million)
{
    return random_below(state, MILLION) < per_million;
}

static void shuffle(uint64_t *state, int32_t *values, int64_t n)
{
    for (int64_t i = n - 1; i > 0; i--) {
        uint32_t j = random_below(state, (uint32_t)(i + 1));
        int32_t swapped = values[i];
        values[i] = values[j];
        values[j] = swapped;
    }
}

/* One draw from any discrete distribution in constant time (Walker's alias method, built as Vose
 * does): slot i keeps `keep` of 2^32 of its draws and gives the others to `other`. */
typedef struct alias_slot {
    uint32_t keep;
    uint32_t other;
} alias_slot;

static uint32_t draw_alias(const alias_slot *slots, uint32_t n, uint64_t *state)
{
    uint64_t bits = next_random(state);
    uint32_t slot = (uint32_t)(((bits >> 32) * n) >> 32);
    return (uint32_t)bits < slots[slot].keep ? slot : slots[slot].other;
}

/* Needs weights with a sum in 2^20 … 2^47, each times n below 2^63. NULL when memory ran out. */
static alias_slot *make_alias(const uint64_t *weights, int64_t n)
{
    alias_slot *slots = malloc((size_t)n * sizeof(*slots));
    uint64_t *mass = malloc((size_t)n * sizeof(*mass));
    uint32_t *stack = malloc((size_t)n * sizeof(*stack));
    if (!slots || !mass || !stack) {
        free(slots);
        slots = NULL;
        goto done;
    }
    uint64_t average = 0; /* of mass, which is weight times n */
    for (int64_t i = 0; i < n; i++) {
        average += weights[i];
    }
    /* One array holds both stacks: slots with too little mass grow from the left, those with enough
     * from the right. */
    int64_t n_small = 0, large = n;
    for (int64_t i = 0; i < n; i++) {
        mass[i] = weights[i] * (uint64_t)n;
        if (mass[i] < average) {
            stack[n_small++] = (uint32_t)i;
        } else {
            stack[--large] = (uint32_t)i;
        }
        slots[i] = (alias_slot){.keep = UINT32_MAX, .other = (uint32_t)i};
    }
    while (n_small > 0 && large < n) {
        uint32_t small = stack[--n_small], donor = stack[large];
        /* + 1: the quotient stays below 2^32 although the divisor was rounded down. */
        slots[small].keep = (uint32_t)((mass[small] << 16) / ((average >> 16) + 1));
        slots[small].other = donor;
        mass[donor] -= average - mass[small];
        if (mass[donor] < average) {
            large++;
            stack[n_small++] = donor;
        }
    }
done:
    free(stack);
    free(mass);
    return slots;
}

/* A function given by points, linear between them. */
typedef struct anchor {
    int64_t x, y;
} anchor;

static int64_t interpolate(const anchor *anchors, int64_t x)
{
    while (x > anchors[1].x) {
        anchors++;
    }
    return anchors[0].y +
           (anchors[1].y - anchors[0].y) * (x - anchors[0].x) / (anchors[1].x - anchors[0].x);
}

/* ---- the published shape --------------------------------------------------------------------- */

/* Ratings per user: x = millionths of the users, in ascending order of what they rate. */
static const anchor RATINGS_PER_USER[] = {
    {0, 20},         {50000, 21},
    {100000, 24},    {250000, 36},
    {400000, 55},    {500000, 73},
    {600000, 99},    {700000, 139},
    {800000, 209},   {850000, 268},
    {900000, 364},   {950000, 570},
    {980000, 870},   {990000, 1190},
    {995000, 1580},  {998000, 2200},
    {999000, 2800},  {999700, 4300},
    {999900, 6000},  {999980, 9500},
    {999995, 15000}, {MILLION, MAX_RATINGS_PER_USER},
};

static const anchor TAGS_PER_TAGGER[] = {
    {0, 1},         {250000, 2},    {500000, 7},
    {750000, 28},   {900000, 150},  {970000, 480},
    {990000, 1500}, {998000, 5500}, {MILLION, MAX_TAGS_PER_USER},
};

/* Ratings per movie: x = place in the order of popularity, y = ratings at scale 1. */
static const anchor RATINGS_PER_MOVIE[] = {
    {0, 102929},  {1, 100300},        {3, 94000},   {9, 76500},   {20, 64000},  {40, 53000},
    {80, 42000},  {150, 31000},       {300, 19800}, {450, 14500}, {600, 11300}, {1000, 6750},
    {1500, 4300}, {2200, 2640},       {3000, 1690}, {4500, 900},  {6000, 530},  {8500, 265},
    {12000, 122}, {16000, 60},        {22000, 27},  {30000, 12},  {43800, 4},   {55000, 3},
    {70000, 2},   {FULL_N_MOVIES, 1},
};

/* How often a movie must be drawn to get these ratings, in 2^-38. It is not proportional to them:
 * nobody rates a movie twice, so one that half of the users know loses many of its draws. Fitted by
 * solving, for draws t(u) of user u, sum over u of 1 - exp(-t(u) * weight) = ratings - 1 (one
 * rating per movie is given outright, see assign_first_picks). */
static const anchor MOVIE_WEIGHTS[] = {
    {0, 2172569187},       {1, 2055776010},  {3, 1797574706},  {9, 1235387532},  {20, 897375367},
    {40, 662782383},       {80, 467832106},  {150, 307992910}, {300, 173290721}, {450, 118157132},
    {600, 88426510},       {1000, 49839880}, {1500, 30379567}, {2200, 18050075}, {3000, 11330424},
    {4500, 5911052},       {6000, 3436847},  {8500, 1706238},  {12000, 775826},  {16000, 375878},
    {22000, 165283},       {30000, 70158},   {43800, 20657},   {55000, 11203},   {70000, 6148},
    {FULL_N_MOVIES, 1224},
};

/* 0.5, 1.0, … 5.0 */
static const int64_t RATING_HISTOGRAM[N_RATING_VALUES] = {
    525132, 946675, 531063, 2028622, 1685386, 6054990, 4290105, 8367654, 2974000, 4596577,
};

/* When users come, per year from 1995 on. */
static const uint32_t ARRIVALS[N_YEARS] = {
    2,   700, 400, 170, 400, 620, 420, 330, 380, 400, 560, 470, 430, 430, 350,
    290, 260, 240, 220, 200, 480, 500, 470, 430, 420, 470, 360, 330, 230,
};

/* Seconds between two ratings of one visit: x = thousandths of the gaps. */
static const anchor GAPS[] = {
    {0, 0}, {250, 3}, {500, 9}, {750, 27}, {900, 73}, {980, 300}, {1000, 1500},
};

enum {
    DAY = 86400,
    HALF_STARS_SINCE = 1045526400, /* 2003-02-18; before it there were whole stars only */
    TAGS_SINCE = 1135382400,       /* 2005-12-24 */
    LAST_TIME = 1697068800,        /* 2023-10-12 */
    LONGEST_ACTIVITY = 19 * 365 * DAY,
};

static const char *const GENRES[] = {
    "Action",  "Adventure", "Animation", "Children", "Comedy",  "Crime",   "Documentary",
    "Drama",   "Fantasy",   "Film-Noir", "Horror",   "IMAX",    "Musical", "Mystery",
    "Romance", "Sci-Fi",    "Thriller",  "War",      "Western",
};

static const uint32_t GENRE_WEIGHTS[] = {
    9668, 5402, 4617, 4520, 23124, 6975, 9363,  34175, 3851, 353,
    8654, 195,  1059, 4013, 10369, 4907, 11823, 2325,  1699,
};

/* Movies with 1, 2, … genres; in 1000. */
static const uint32_t GENRES_PER_MOVIE[] = {400, 320, 190, 66, 18, 4, 1, 1};

/* Movies per decade, from the 1900s to the 2020s. */
static const uint32_t DECADES[] = {10, 16, 18, 37, 42, 55, 68, 78, 84, 116, 208, 226, 42};

/* ---- words ----------------------------------------------------------------------------------- */

/* Texts are built into a buffer of known size: what does not fit is left out, whole words at a
 * time, so that a character is never cut. */
typedef struct text {
    char bytes[TITLE_MAX];
    int length;
    int limit;
} text;

static void put_word(text *out, const char *word)
{
    int length = (int)strlen(word);
    if (out->length + length <= out->limit) {
        memcpy(out->bytes + out->length, word, (size_t)length);
        out->length += length;
    }
}

static void put_capitalised(text *out, const char *word)
{
    int start = out->length;
    put_word(out, word);
    if (out->length > start && out->bytes[start] >= 'a' && out->bytes[start] <= 'z') {
        out->bytes[start] = (char)(out->bytes[start] - 'a' + 'A');
    }
}

static void put_integer(text *out, int64_t value)
{
    char digits[24];
    snprintf(digits, sizeof(digits), "%lld", (long long)value);
    put_word(out, digits);
}

static const char *const ADJECTIVES[] = {
    "absent",    "amber",    "ancient",   "bitter",    "black",    "blind",    "blue",
    "borrowed",  "bright",   "broken",    "brutal",    "burning",  "careless", "cold",
    "crimson",   "crooked",  "cruel",     "dangerous", "distant",  "dry",      "eerie",
    "electric",  "elegant",  "empty",     "endless",   "fallen",   "familiar", "fast",
    "final",     "foolish",  "forgotten", "fragile",   "frozen",   "gentle",   "glass",
    "golden",    "gritty",   "hidden",    "hollow",    "honest",   "hopeful",  "hungry",
    "imaginary", "infinite", "iron",      "last",      "lazy",     "little",   "lonely",
    "long",      "lost",     "loud",      "lucky",     "lyrical",  "mad",      "midnight",
    "modern",    "moody",    "narrow",    "nervous",   "noble",    "northern", "odd",
    "open",      "painted",  "pale",      "patient",   "perfect",  "playful",  "poor",
    "quiet",     "rainy",    "reckless",  "red",       "restless", "rough",    "royal",
    "rusty",     "sacred",   "savage",    "second",    "secret",   "sharp",    "silent",
    "silver",    "simple",   "slow",      "southern",  "stolen",   "strange",  "sudden",
    "tender",    "thin",     "tired",     "twisted",   "velvet",   "violent",  "warm",
    "wicked",    "wild",
};

static const char *const NOUNS[] = {
    "acrobat",  "airport",    "alibi",     "anchor",   "angel",     "apartment",  "archive",
    "arrow",    "autumn",     "balcony",   "bandit",   "bargain",   "beach",      "bell",
    "bicycle",  "border",     "bride",     "bridge",   "brother",   "butcher",    "cabin",
    "candle",   "captain",    "carnival",  "castle",   "cathedral", "chauffeur",  "chess",
    "circle",   "circus",     "clerk",     "clock",    "cloud",     "coast",      "colonel",
    "compass",  "confession", "country",   "cousin",   "creek",     "crown",      "dancer",
    "daughter", "desert",     "detective", "diamond",  "dinner",    "doctor",     "dragon",
    "dream",    "echo",       "eclipse",   "elephant", "emperor",   "engine",     "escape",
    "evening",  "factory",    "father",    "ferry",    "fever",     "fire",       "forest",
    "fortune",  "fountain",   "fox",       "frontier", "funeral",   "garden",     "gate",
    "ghost",    "giant",      "harbour",   "harvest",  "heart",     "heist",      "highway",
    "hill",     "horizon",    "horse",     "hotel",    "hour",      "hunter",     "island",
    "journey",  "judge",      "jungle",    "kingdom",  "kitchen",   "knight",     "ladder",
    "lake",     "lantern",    "lawyer",    "letter",   "library",   "lighthouse", "lion",
    "machine",  "magician",   "map",       "market",   "marriage",  "masquerade", "medal",
    "memory",   "messenger",  "mirror",    "monsoon",  "moon",      "morning",    "mother",
    "mountain", "neighbour",  "night",     "nurse",    "ocean",     "opera",      "orchard",
    "orphan",   "painter",    "palace",    "paradise", "passenger", "pearl",      "piano",
    "pilgrim",  "pirate",     "planet",    "poet",     "portrait",  "postman",    "prison",
    "promise",  "queen",      "railway",   "raven",    "rebel",     "reunion",    "river",
    "robot",    "room",       "runaway",   "sailor",   "season",    "sentence",   "shadow",
    "shore",    "signal",     "sister",    "snow",     "soldier",   "song",       "spy",
    "stable",   "station",    "storm",     "stranger", "street",    "submarine",  "summer",
    "swimmer",  "sword",      "teacher",   "theatre",  "thief",     "thunder",    "tiger",
    "tower",    "traffic",    "train",     "traitor",  "treasure",  "trial",      "tunnel",
    "twin",     "umbrella",   "valley",    "verdict",  "village",   "violin",     "visitor",
    "volcano",  "voyage",     "wagon",     "waiter",   "wedding",   "whisper",    "widow",
    "window",   "winter",     "witness",   "wolf",     "writer",    "yard",       "zeppelin",
};

static const char *const FIRST_NAMES[] = {
    "Ada",   "Agnès", "Akira",  "Alan",   "Alba",  "Amir",  "Anna",   "Anton",  "Astrid", "Ben",
    "Björn", "Carla", "Carlos", "Cécile", "Clara", "Dana",  "David",  "Diego",  "Elena",  "Emil",
    "Eva",   "Felix", "Frida",  "Georg",  "Grace", "Hana",  "Hassan", "Helen",  "Ida",    "Igor",
    "Ines",  "Ivan",  "Jack",   "Jane",   "Jean",  "João",  "Judith", "Karin",  "Kenji",  "Laura",
    "Léa",   "Liam",  "Lina",   "Louis",  "Lucía", "Marco", "Maria",  "Martin", "Mei",    "Mia",
    "Milan", "Nadia", "Nina",   "Noah",   "Olga",  "Oscar", "Paul",   "Petra",  "Rosa",   "Ruth",
    "Samir", "Sara",  "Sofia",  "Søren",  "Susan", "Tariq", "Theo",   "Tom",    "Vera",   "Victor",
    "Wanda", "Wei",   "Werner", "Yara",   "Yusuf", "Zoë",   "Ravi",   "Priya",  "Omar",   "Lars",
};

static const char *const SURNAME_STARTS[] = {
    "Adler", "Alder", "Ash",   "Berg", "Birch", "Black", "Brand", "Brook", "Carl",  "Cliff", "Dahl",
    "Elm",   "Fair",  "Falk",  "Gold", "Gran",  "Green", "Hart",  "Hazel", "High",  "Holm",  "Kirk",
    "Lind",  "Lund",  "Marsh", "Mill", "North", "Oak",   "Sand",  "Stein", "Thorn", "West",
};

static const char *const SURNAME_ENDS[] = {
    "aker",   "ard",   "bach", "berg", "borg",  "burn",  "by",     "dale", "den",   "er",
    "feld",   "field", "ford", "gate", "grave", "ham",   "hof",    "holt", "ing",   "kvist",
    "land",   "ley",   "man",  "more", "mund",  "quist", "rup",    "son",  "stad",  "ström",
    "strand", "ton",   "vall", "ver",  "well",  "wick",  "winter", "wood", "worth", "yard",
};

enum {
    N_SURNAMES = ARRAY_LENGTH(SURNAME_STARTS) * ARRAY_LENGTH(SURNAME_ENDS)
};

static const char *const FOREIGN_TITLES[] = {
    "L'été des ombres",   "Die Straße nach Süden", "東京の夜",          "Ночной поезд",
    "À nos années",       "El niño y el mar",      "Fågeln i fönstret", "Não há amanhã",
    "Il più lungo addio", "Ústav zapomnění",       "Gökyüzü",           "Η τελευταία μέρα",
    "夏天的风",           "바다의 노래",           "Żółta łódź",        "Smrt u proleće",
    "Vägen hem",          "Kış uykusuz",           "De lange weg",      "La casa del viento",
};

static const char *const POPULAR_TAGS[] = {
    "sci-fi",
    "atmospheric",
    "action",
    "comedy",
    "funny",
    "surreal",
    "visually appealing",
    "based on a book",
    "twist ending",
    "dystopia",
    "dark comedy",
    "romance",
    "thought-provoking",
    "BD-R",
    "fantasy",
    "quirky",
    "classic",
    "social commentary",
    "psychology",
    "stylized",
    "violence",
    "In Netflix queue",
    "murder",
    "adventure",
    "animation",
    "space",
    "superhero",
    "time travel",
    "disturbing",
    "suspense",
    "magic",
    "cinematography",
    "music",
    "nudity",
    "family",
    "horror",
    "thriller",
    "true story",
    "revenge",
    "imdb top 250",
    "great acting",
    "politics",
    "predictable",
    "Oscar (Best Picture)",
    "remake",
    "female director",
    "ghosts",
    "friendship",
    "Sci-Fi",
    "drama",
    "philosophy",
    "satire",
    "robots",
    "aliens",
    "less than 300 ratings",
    "Criterion",
    "feel-good",
    "black and white",
    "mindfuck",
    "serial killer",
    "religion",
    "World War II",
    "film noir",
    "coming of age",
    "love",
    "great soundtrack",
    "crime",
    "artificial intelligence",
    "sad",
    "boring",
    "bad plot",
    "cult film",
    "mystery",
    "anime",
    "dialogue",
    "organized crime",
    "zombies",
    "own",
    "franchise",
    "vampires",
    "road movie",
    "slow paced",
    "good, not great",
    "\"so bad it's good\"",
    "café culture",
    "high school",
    "betrayal",
    "r",
    "mafia",
    "history",
    "dreamlike",
    "To See",
};

static const char *pick_word(const char *const *words, int n, uint64_t *random)
{
    return words[random_below(random, (uint32_t)n)];
}

#define PICK(words, random) pick_word(words, ARRAY_LENGTH(words), random)

static void put_surname(text *out, uint32_t index)
{
    put_word(out, SURNAME_STARTS[index % ARRAY_LENGTH(SURNAME_STARTS)]);
    put_word(out, SURNAME_ENDS[index / ARRAY_LENGTH(SURNAME_STARTS)]);
}

/* `index` as a number of mixed base: its lowest digit, of base n, is taken off and returned. */
static uint32_t take_digit(int64_t *index, int n)
{
    uint32_t digit = (uint32_t)(*index % n);
    *index /= n;
    return digit;
}

/* Like take_digit, but turned by the digit before, so that neighbours differ in both words. */
static uint32_t take_turned_digit(int64_t *index, int n, uint32_t previous)
{
    return (take_digit(index, n) + previous * 37) % (uint32_t)n;
}

/* The people of the tags: 102,400 names, then the same with a number. */
static void put_person(text *out, int64_t *index, bool surname_first)
{
    uint32_t first = take_digit(index, ARRAY_LENGTH(FIRST_NAMES));
    uint32_t last = take_turned_digit(index, N_SURNAMES, first);
    if (surname_first) {
        put_surname(out, last);
        put_word(out, ", ");
        put_word(out, FIRST_NAMES[first]);
    } else {
        put_word(out, FIRST_NAMES[first]);
        put_word(out, " ");
        put_surname(out, last);
    }
}

static void put_pair_of_nouns(text *out, int64_t *index, const char *joint, bool may_be_quoted)
{
    uint32_t first = take_digit(index, ARRAY_LENGTH(NOUNS));
    uint32_t second = take_turned_digit(index, ARRAY_LENGTH(NOUNS), first);
    const char *quote = may_be_quoted && first % 16 == 0 ? "\"" : "";
    put_word(out, quote);
    put_word(out, NOUNS[first]);
    put_word(out, joint);
    put_word(out, NOUNS[second]);
    put_word(out, quote);
}

/* The tag text number `index`; no two are equal. Low numbers are the ones much used. */
static void make_tag(int64_t index, text *out)
{
    static const char *const JOINTS[] = {" and ", " in the ", " & ", " without "};
    *out = (text){.limit = TAG_TEXT_MAX};
    if (index < ARRAY_LENGTH(POPULAR_TAGS)) {
        put_word(out, POPULAR_TAGS[index]);
        return;
    }
    index -= ARRAY_LENGTH(POPULAR_TAGS);
    uint32_t form = take_digit(&index, 16);
    if (form < 9) { /* most of the rare tags name somebody */
        index = index * 9 + form;
        put_person(out, &index, false);
    } else if (form == 9) {
        put_person(out, &index, true);
    } else if (form < 12) {
        index = index * 2 + (form - 10);
        uint32_t first = take_digit(&index, ARRAY_LENGTH(ADJECTIVES));
        put_word(out, ADJECTIVES[first]);
        put_word(out, " ");
        put_word(out, NOUNS[take_turned_digit(&index, ARRAY_LENGTH(NOUNS), first)]);
    } else {
        put_pair_of_nouns(out, &index, JOINTS[form - 12], form == 12);
    }
    if (index > 0) {
        put_word(out, " #");
        put_integer(out, index + 1);
    }
}

static void put_title_words(text *out, uint64_t *random)
{
    uint32_t form = random_below(random, 1000);
    if (form < 260) {
        put_capitalised(out, PICK(ADJECTIVES, random));
        put_word(out, " ");
        put_capitalised(out, PICK(NOUNS, random));
        put_word(out, form < 160 ? ", The" : "");
    } else if (form < 460) {
        put_capitalised(out, PICK(NOUNS, random));
        put_word(out, form < 360 ? " of the " : " and the ");
        put_capitalised(out, PICK(ADJECTIVES, random));
        put_word(out, " ");
        put_capitalised(out, PICK(NOUNS, random));
    } else if (form < 620) {
        put_word(out, PICK(FIRST_NAMES, random));
        put_word(out, form < 540 ? "'s " : " & the ");
        put_capitalised(out, PICK(NOUNS, random));
    } else if (form < 780) {
        put_capitalised(out, PICK(NOUNS, random));
        put_word(out, form < 720 ? "" : ", The");
    } else if (form < 900) {
        put_word(out, PICK(FIRST_NAMES, random));
        put_word(out, " ");
        put_surname(out, random_below(random, N_SURNAMES));
    } else if (form < 995) {
        put_capitalised(out, PICK(ADJECTIVES, random));
        put_word(out, " ");
        put_capitalised(out, PICK(NOUNS, random));
        put_word(out, " ");
        put_integer(out, 2 + random_below(random, 4));
        put_word(out, ": ");
        put_capitalised(out, PICK(NOUNS, random));
        put_word(out, " ");
        put_capitalised(out, PICK(NOUNS, random));
    } else {
        put_word(out, "\"");
        put_capitalised(out, PICK(NOUNS, random));
        put_word(out, "\", ");
        put_word(out, PICK(FIRST_NAMES, random));
        put_word(out, " Said");
    }
}

static void put_title_year(text *out, uint64_t *random)
{
    uint32_t at = random_below(random, 1000), decade = 0;
    while (at >= DECADES[decade]) {
        at -= DECADES[decade++];
    }
    int64_t year = 1900 + 10 * decade + random_below(random, decade == 12 ? 4 : 10);
    uint32_t form = random_below(random, 1000);
    if (form < 7) {
        return;
    }
    put_word(out, " (");
    put_integer(out, year);
    if (form < 9) { /* a series, as the real set writes it: with an en dash */
        put_word(out, "–");
        put_integer(out, year + 1);
    }
    put_word(out, ")");
}

static void make_title(text *out, uint64_t *random)
{
    *out = (text){.limit = TITLE_MAX};
    put_title_words(out, random);
    if (random_chance(random, 90000)) {
        put_word(out, " (");
        put_word(out, PICK(FOREIGN_TITLES, random));
        put_word(out, ")");
    }
    put_title_year(out, random);
    if (random_chance(random, 3000)) {
        put_word(out, " ");
    }
}

/* ---- the plan: users ------------------------------------------------------------------------- */

typedef struct user_block {
    int64_t first_user;
    int64_t first_tag;
} user_block;

typedef struct star_level {
    uint32_t cut; /* of 2^16: below it the draw gets `lower`, else `higher` */
    uint8_t lower, higher;
} star_level;

enum {
    /* An opinion is quality + bias + mood, in steps of which 1 star has about 174. Quality and bias
     * are half a sum of four random bytes around 0, mood is a whole one; quality has a part that
     * grows with popularity as well. */
    BYTES_RANGE = 510,
    QUALITY_RANGE = 340,
    BIAS_RANGE = BYTES_RANGE / 2,
    MIN_OPINION = -(QUALITY_RANGE + BIAS_RANGE + BYTES_RANGE),
    N_OPINIONS = 1 - 2 * MIN_OPINION,
};

typedef struct data_plan {
    uint64_t seed;
    int64_t scale_ppm;
    int64_t n_users, n_movies, n_ratings, n_tags;
    int64_t n_texts, n_common_texts; /* of the tags; the rare ones occur once */

    int32_t *ratings_of_user;
    int32_t *tags_of_user;
    int64_t max_ratings, max_tags; /* of one user */

    int32_t *movie_id;   /* ascending; everywhere else a movie is its index here */
    int32_t *popularity; /* 0 is the most popular movie */
    int16_t *quality;
    alias_slot *movie_draw;
    /* First picks of user u: first_picks[first_pick_start[u]] and on, up to that of user u + 1. */
    uint32_t *first_pick_start;
    uint32_t *first_picks;
    alias_slot *text_draw;

    star_level stars[2][N_OPINIONS]; /* [0]: halves too; [1]: whole stars only */
    uint16_t gaps[1024];

    user_block *blocks; /* n_blocks + 1, the last one is the end */
    int64_t n_blocks;
    int64_t max_block_ratings, max_block_tags;
} data_plan;

static int64_t scaled(const data_plan *plan, int64_t full)
{
    int64_t n = (full * plan->scale_ppm + MILLION / 2) / MILLION;
    return n > 0 ? n : 1;
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* Fills counts with n values of the distribution, each at most `cap`, that add up to `total`. What
 * is missing or too much is spread over the upper half in proportion, so smallest, median and
 * greatest stay. Then the order is made random. Returns the sum: `total`, unless the caps forbid
 * it. */
static int64_t make_counts(const anchor *quantiles, int64_t cap, int64_t total, int32_t *counts,
                           int64_t n, uint64_t *random)
{
    int64_t missing = total;
    for (int64_t i = 0; i < n; i++) {
        int64_t at = n > 1 ? i * MILLION / (n - 1) : MILLION / 2;
        counts[i] = (int32_t)clamp(interpolate(quantiles, at), 1, cap);
        missing -= counts[i];
    }
    for (bool changed = true; missing != 0 && changed;) {
        int64_t upper = 1, to_spread = missing;
        for (int64_t i = n / 2 + 1; i < n - 1; i++) {
            upper += counts[i];
        }
        changed = false;
        for (int64_t i = n - 2; i > n / 2 && missing != 0; i--) {
            int64_t share = counts[i] * to_spread / upper;
            share = share != 0 ? share : missing > 0 ? 1 : -1;
            share = missing > 0 ? clamp(share, 0, missing) : clamp(share, missing, 0);
            int64_t count = clamp(counts[i] + share, counts[n / 2], cap);
            changed |= count != counts[i];
            missing -= count - counts[i];
            counts[i] = (int32_t)count;
        }
    }
    shuffle(random, counts, n);
    return total - missing;
}

static int64_t max_of(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t greatest(const int32_t *values, int64_t n)
{
    int64_t max = 0;
    for (int64_t i = 0; i < n; i++) {
        max = max_of(max, values[i]);
    }
    return max;
}

static bool plan_users(data_plan *plan)
{
    plan->ratings_of_user = calloc((size_t)plan->n_users, sizeof(int32_t));
    plan->tags_of_user = calloc((size_t)plan->n_users, sizeof(int32_t));
    if (!plan->ratings_of_user || !plan->tags_of_user) {
        return false;
    }
    uint64_t random = random_stream(plan->seed, STREAM_RATINGS_OF_USERS, 0);
    int64_t cap = clamp(plan->n_movies * 381 / 1000, 0, MAX_RATINGS_PER_USER);
    plan->n_ratings = make_counts(RATINGS_PER_USER, cap, plan->n_ratings, plan->ratings_of_user,
                                  plan->n_users, &random);
    random = random_stream(plan->seed, STREAM_TAGS_OF_USERS, 0);
    cap = clamp(plan->n_tags / 4, 1, MAX_TAGS_PER_USER);
    plan->n_tags = make_counts(TAGS_PER_TAGGER, cap, plan->n_tags, plan->tags_of_user,
                               scaled(plan, FULL_N_TAGGERS), &random);
    shuffle(&random, plan->tags_of_user, plan->n_users);
    plan->max_ratings = greatest(plan->ratings_of_user, plan->n_users);
    plan->max_tags = greatest(plan->tags_of_user, plan->n_users);
    return true;
}

static bool plan_blocks(data_plan *plan)
{
    int64_t capacity = plan->n_ratings / BLOCK_RATINGS + plan->n_tags / BLOCK_TAGS + 2;
    plan->blocks = malloc((size_t)capacity * sizeof(*plan->blocks));
    if (!plan->blocks) {
        return false;
    }
    int64_t n_ratings = 0, n_tags = 0, first_tag = 0;
    plan->blocks[0] = (user_block){0, 0};
    for (int64_t user = 0; user < plan->n_users; user++) {
        n_ratings += plan->ratings_of_user[user];
        n_tags += plan->tags_of_user[user];
        first_tag += plan->tags_of_user[user];
        if (n_ratings >= BLOCK_RATINGS || n_tags >= BLOCK_TAGS || user == plan->n_users - 1) {
            plan->blocks[++plan->n_blocks] = (user_block){user + 1, first_tag};
            plan->max_block_ratings = max_of(n_ratings, plan->max_block_ratings);
            plan->max_block_tags = max_of(n_tags, plan->max_block_tags);
            n_ratings = n_tags = 0;
        }
    }
    return true;
}

static int64_t seconds_at_new_year(int64_t year)
{
    return (365 * (year - 1970) + (year - 1969) / 4) * DAY; /* from 1970 to 2099 */
}

/* Not kept but drawn again from the user's stream by whoever needs them. */
typedef struct user_traits {
    int64_t first_time;
    int32_t bias;
    bool whole_stars;
    uint32_t break_chance; /* per million: that the next rating belongs to another visit */
} user_traits;

static int32_t four_bytes(uint64_t bits)
{
    return (int32_t)((bits & 255) + (bits >> 8 & 255) + (bits >> 16 & 255) + (bits >> 24 & 255)) -
           BYTES_RANGE;
}

static user_traits traits_of(uint64_t seed, int64_t user)
{
    static const uint32_t BREAK_CHANCES[16] = {
        0, 0, 0, 0, 0, 0, 0, 0, 1000, 8000, 15000, 15000, 60000, 60000, 200000, 500000};
    uint32_t total = 0, year = 0;
    for (int i = 0; i < N_YEARS; i++) {
        total += ARRIVALS[i];
    }
    uint64_t random = random_stream(seed, STREAM_USER, user);
    uint32_t at = random_below(&random, total);
    while (at >= ARRIVALS[year]) {
        at -= ARRIVALS[year++];
    }
    int64_t from = seconds_at_new_year(FIRST_YEAR + year);
    int64_t to = clamp(seconds_at_new_year(FIRST_YEAR + year + 1), 0, LAST_TIME);
    user_traits traits = {.first_time = from + random_below(&random, (uint32_t)(to - from))};
    traits.bias = four_bytes(next_random(&random)) / 2;
    traits.whole_stars = traits.first_time < HALF_STARS_SINCE;
    traits.break_chance = BREAK_CHANCES[random_below(&random, 16)];
    return traits;
}

/* ---- the plan: movies ------------------------------------------------------------------------ */

static int compare_uint64(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* Square root of a number in 2^-32, rounded down; both below 1. */
static uint64_t root_q32(uint64_t square)
{
    uint64_t root = 0;
    for (uint64_t bit = UINT64_C(1) << 31; bit > 0; bit >>= 1) {
        if ((root | bit) * (root | bit) <= square << 32) {
            root |= bit;
        }
    }
    return root;
}

static int64_t count_movies(const data_plan *plan)
{
    if (plan->scale_ppm >= MILLION) {
        return scaled(plan, FULL_N_MOVIES);
    }
    uint64_t quarter = root_q32(root_q32(((uint64_t)plan->scale_ppm << 32) / MILLION));
    uint64_t factor = (quarter * root_q32(quarter)) >> 32;
    return clamp((int64_t)((FULL_N_MOVIES * factor) >> 32), 1, plan->n_ratings / 8);
}

/* The real ids are dense at first and sparse at the end: the distance between neighbours grows
 * linearly here. The last id is FULL_MAX_MOVIE_ID. */
static bool plan_movie_ids(data_plan *plan)
{
    int64_t n = plan->n_movies, last = n - 1;
    int64_t max_id = n > FULL_N_MOVIES ? scaled(plan, FULL_MAX_MOVIE_ID) : FULL_MAX_MOVIE_ID;
    plan->movie_id = malloc((size_t)n * sizeof(*plan->movie_id));
    if (!plan->movie_id) {
        return false;
    }
    uint64_t random = random_stream(plan->seed, STREAM_MOVIE_IDS, 0);
    int64_t id = 1;
    for (int64_t i = 0; i < last; i++) {
        /* i * i / last stays below 2^24, the product below 2^50. */
        int64_t next = i + 2 + (max_id - n) * ((i + 1) * (i + 1) / last) / last;
        plan->movie_id[i] = (int32_t)(id + random_below(&random, (uint32_t)(next - id)));
        id = next;
    }
    plan->movie_id[last] = (int32_t)max_id;
    return true;
}

/* Old movies (low ids) tend to be the popular ones: the order of popularity is that of the place in
 * the list plus as large a random number. */
static bool plan_popularity(data_plan *plan)
{
    int64_t n = plan->n_movies;
    uint64_t *keys = malloc((size_t)n * sizeof(*keys));
    plan->popularity = malloc((size_t)n * sizeof(*plan->popularity));
    if (keys && plan->popularity) {
        uint64_t random = random_stream(plan->seed, STREAM_POPULARITY, 0);
        for (int64_t i = 0; i < n; i++) {
            uint64_t order = (uint64_t)i + random_below(&random, (uint32_t)n);
            keys[i] = order << 32 | (uint64_t)i;
        }
        qsort(keys, (size_t)n, sizeof(*keys), compare_uint64);
        for (int64_t place = 0; place < n; place++) {
            plan->popularity[(uint32_t)keys[place]] = (int32_t)place;
        }
    }
    free(keys);
    return keys && plan->popularity;
}

/* 3.6 % of all movies, spread evenly over the less popular half. */
static bool is_unrated(const data_plan *plan, int64_t place)
{
    return place >= plan->n_movies / 2 && place * 72 / 1000 != (place + 1) * 72 / 1000;
}

/* Place in the popularity order of scale 1: small sets are its top, larger ones stretch it. */
static int64_t full_place(const data_plan *plan, int64_t place)
{
    return plan->n_movies > FULL_N_MOVIES ? place * FULL_N_MOVIES / plan->n_movies : place;
}

static bool plan_movie_draws(data_plan *plan)
{
    uint64_t *weights = malloc((size_t)plan->n_movies * sizeof(*weights));
    plan->quality = malloc((size_t)plan->n_movies * sizeof(*plan->quality));
    if (weights && plan->quality) {
        for (int64_t i = 0; i < plan->n_movies; i++) {
            int64_t place = plan->popularity[i], full = full_place(plan, place);
            weights[i] = is_unrated(plan, place) ? 0 : (uint64_t)interpolate(MOVIE_WEIGHTS, full);
            int popular = 0; /* 0 … 16 */
            for (int64_t left = interpolate(RATINGS_PER_MOVIE, full); left > 1; left /= 2) {
                popular++;
            }
            uint64_t random = random_stream(plan->seed, STREAM_QUALITY, i);
            plan->quality[i] = (int16_t)(four_bytes(next_random(&random)) / 2 + 6 * (popular - 13));
        }
        plan->movie_draw = make_alias(weights, plan->n_movies);
    }
    free(weights);
    return plan->quality && plan->movie_draw;
}

/* The user whose ratings hold rating number `at`; ends[u] counts the ratings of users 0 … u. */
static int64_t user_of_rating(const int64_t *ends, int64_t n_users, int64_t at)
{
    int64_t low = 0, high = n_users - 1;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (ends[middle] > at) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

/* Gives every movie that is to be rated its first rating, by a user drawn in proportion to what he
 * rates: drawing alone would leave most movies of the long tail without any. Nobody gets more than
 * half of his ratings this way. */
static bool assign_first_picks(data_plan *plan)
{
    int64_t *ends = malloc((size_t)plan->n_users * sizeof(*ends));
    uint32_t *owner = malloc((size_t)plan->n_movies * sizeof(*owner));
    uint32_t *start = calloc((size_t)plan->n_users + 1, sizeof(*start));
    uint32_t *picks = malloc((size_t)plan->n_movies * sizeof(*picks));
    plan->first_pick_start = start;
    plan->first_picks = picks;
    bool ok = ends && owner && start && picks;
    if (!ok) {
        goto done;
    }
    int64_t total = 0;
    for (int64_t user = 0; user < plan->n_users; user++) {
        ends[user] = total += plan->ratings_of_user[user];
    }
    uint64_t random = random_stream(plan->seed, STREAM_FIRST_PICKS, 0);
    for (int64_t i = 0; i < plan->n_movies; i++) {
        if (is_unrated(plan, plan->popularity[i])) {
            continue;
        }
        int64_t user;
        do {
            user = user_of_rating(ends, plan->n_users, random_below(&random, (uint32_t)total));
        } while ((int32_t)start[user] >= plan->ratings_of_user[user] / 2);
        owner[i] = (uint32_t)user;
        start[user]++;
    }
    /* From counts to ends; filling backwards then turns each end into a start. */
    for (int64_t user = 0; user < plan->n_users; user++) {
        start[user + 1] += start[user];
    }
    for (int64_t i = plan->n_movies - 1; i >= 0; i--) {
        if (!is_unrated(plan, plan->popularity[i])) {
            picks[--start[owner[i]]] = (uint32_t)i;
        }
    }
done:
    free(owner);
    free(ends);
    return ok;
}

/* ---- the plan: from opinions to stars -------------------------------------------------------- */

static void convolve(const uint64_t *a, int n_a, const uint64_t *b, int n_b, uint64_t *out)
{
    memset(out, 0, (size_t)(n_a + n_b - 1) * sizeof(*out));
    for (int i = 0; i < n_a; i++) {
        for (int j = 0; j < n_b; j++) {
            out[i + j] += a[i] * b[j];
        }
    }
}

/* Brings a histogram to a sum of about 2^bits. */
static void normalise(uint64_t *mass, int n, int bits)
{
    uint64_t total = 0;
    for (int i = 0; i < n; i++) {
        total += mass[i];
    }
    /* A shift first, so that a cell times 2^bits fits. */
    int shift = 0;
    while (total >> shift >= UINT64_C(1) << (63 - bits)) {
        shift++;
    }
    uint64_t divisor = total >> shift;
    for (int i = 0; i < n && divisor > 0; i++) {
        mass[i] = (((mass[i] >> shift) << bits) + divisor / 2) / divisor;
    }
}

/* Cuts the distribution of opinions into as many pieces as there are stars, in the proportions of
 * `histogram`. */
static void cut_stars(const uint64_t *opinions, const int64_t *histogram, star_level *levels)
{
    uint64_t mass = 0, histogram_total = 0;
    for (int i = 0; i < N_OPINIONS; i++) {
        mass += opinions[i];
    }
    for (int i = 0; i < N_RATING_VALUES; i++) {
        histogram_total += (uint64_t)histogram[i];
    }
    uint64_t limits[N_RATING_VALUES]; /* mass is below 2^37, the histogram's sum below 2^26 */
    uint64_t counted = 0;
    for (int i = 0; i < N_RATING_VALUES; i++) {
        counted += (uint64_t)histogram[i];
        limits[i] = mass * counted / histogram_total;
    }
    uint64_t below = 0;
    int value = 0;
    for (int i = 0; i < N_OPINIONS; i++) {
        uint64_t end = below + opinions[i];
        while (value < N_RATING_VALUES - 1 && limits[value] <= below) {
            value++;
        }
        levels[i] = (star_level){.cut = 1 << 16, .lower = (uint8_t)value};
        if (limits[value] < end) {
            int higher = value + 1;
            while (limits[higher] == limits[value]) {
                higher++;
            }
            levels[i].cut = (uint32_t)(((limits[value] - below) << 16) / opinions[i]);
            levels[i].higher = (uint8_t)higher;
        }
        below = end;
    }
}

/* Users from before the half stars share the whole-star part of the histogram among themselves; the
 * others get the rest of it and all the halves. */
static void split_histogram(const data_plan *plan, int64_t n_whole, int64_t *with_halves,
                            int64_t *whole)
{
    int64_t n_whole_values = 0;
    for (int i = 1; i < N_RATING_VALUES; i += 2) {
        n_whole_values += RATING_HISTOGRAM[i];
    }
    int64_t wanted = clamp(n_whole * FULL_N_RATINGS / plan->n_ratings, 0, n_whole_values);
    for (int i = 0; i < N_RATING_VALUES; i++) {
        whole[i] = i % 2 == 1 ? RATING_HISTOGRAM[i] * wanted / n_whole_values : 0;
        with_halves[i] = RATING_HISTOGRAM[i] - whole[i];
    }
    if (wanted == 0) { /* nobody draws from it, but a distribution has to have some mass */
        whole[N_RATING_VALUES - 1] = 1;
    }
}

typedef struct opinion_masses {
    uint64_t quality[2 * QUALITY_RANGE + 1];
    uint64_t bias[2][2 * BIAS_RANGE + 1]; /* of users with half stars, and without */
    uint64_t mood[2 * BYTES_RANGE + 1];
    uint64_t judgement[2 * (QUALITY_RANGE + BIAS_RANGE) + 1];
    uint64_t opinion[N_OPINIONS];
} opinion_masses;

/* How often each quality, bias and mood will occur among the ratings. */
static int64_t weigh_opinions(const data_plan *plan, opinion_masses *masses)
{
    for (int64_t i = 0; i < plan->n_movies; i++) {
        if (!is_unrated(plan, plan->popularity[i])) {
            int64_t n = interpolate(RATINGS_PER_MOVIE, full_place(plan, plan->popularity[i]));
            n = MILLION + (n - 1) * clamp(plan->scale_ppm, 0, MILLION); /* in millionths */
            masses->quality[plan->quality[i] + QUALITY_RANGE] += (uint64_t)n;
        }
    }
    int64_t n_whole = 0;
    for (int64_t user = 0; user < plan->n_users; user++) {
        user_traits traits = traits_of(plan->seed, user);
        int32_t n = plan->ratings_of_user[user];
        masses->bias[traits.whole_stars][traits.bias + BIAS_RANGE] += (uint64_t)n;
        n_whole += traits.whole_stars ? n : 0;
    }
    uint64_t byte[256], two[511];
    for (int i = 0; i < 256; i++) {
        byte[i] = 1;
    }
    convolve(byte, 256, byte, 256, two);
    convolve(two, 511, two, 511, masses->mood);
    return n_whole;
}

static bool plan_stars(data_plan *plan)
{
    opinion_masses *masses = calloc(1, sizeof(*masses));
    if (!masses) {
        return false;
    }
    int64_t n_whole = weigh_opinions(plan, masses);
    int64_t histograms[2][N_RATING_VALUES];
    split_histogram(plan, n_whole, histograms[0], histograms[1]);
    normalise(masses->quality, ARRAY_LENGTH(masses->quality), 24);
    normalise(masses->mood, ARRAY_LENGTH(masses->mood), 28);
    for (int whole = 0; whole < 2; whole++) {
        normalise(masses->bias[whole], ARRAY_LENGTH(masses->bias[whole]), 24);
        convolve(masses->quality, ARRAY_LENGTH(masses->quality), masses->bias[whole],
                 ARRAY_LENGTH(masses->bias[whole]), masses->judgement);
        normalise(masses->judgement, ARRAY_LENGTH(masses->judgement), 31);
        convolve(masses->judgement, ARRAY_LENGTH(masses->judgement), masses->mood,
                 ARRAY_LENGTH(masses->mood), masses->opinion);
        normalise(masses->opinion, N_OPINIONS, 36);
        cut_stars(masses->opinion, histograms[whole], plan->stars[whole]);
    }
    free(masses);
    return true;
}

/* ---- the plan as a whole --------------------------------------------------------------------- */

static bool plan_texts(data_plan *plan)
{
    plan->n_texts = (plan->n_tags + TAGS_PER_TEXT - 1) / TAGS_PER_TEXT;
    plan->n_common_texts = (plan->n_texts + 1) / 2;
    uint64_t *weights = malloc((size_t)plan->n_common_texts * sizeof(*weights));
    if (weights) {
        for (int64_t i = 0; i < plan->n_common_texts; i++) {
            weights[i] = (UINT64_C(1) << 34) / (uint64_t)(i + 20);
        }
        plan->text_draw = make_alias(weights, plan->n_common_texts);
    }
    free(weights);
    return plan->text_draw != NULL;
}

static bool make_plan(data_plan *plan)
{
    plan->n_users = scaled(plan, FULL_N_USERS);
    plan->n_ratings = scaled(plan, FULL_N_RATINGS);
    plan->n_tags = scaled(plan, FULL_N_TAGS);
    plan->n_movies = count_movies(plan);
    for (int i = 0; i < ARRAY_LENGTH(plan->gaps); i++) {
        plan->gaps[i] = (uint16_t)interpolate(GAPS, i * 1000 / ARRAY_LENGTH(plan->gaps));
    }
    if (!plan_users(plan)) {
        return false;
    }
    return plan_blocks(plan) && plan_movie_ids(plan) && plan_popularity(plan) &&
           plan_movie_draws(plan) && assign_first_picks(plan) && plan_stars(plan) &&
           plan_texts(plan);
}

static void free_plan(data_plan *plan)
{
    free(plan->ratings_of_user);
    free(plan->tags_of_user);
    free(plan->movie_id);
    free(plan->popularity);
    free(plan->quality);
    free(plan->movie_draw);
    free(plan->first_pick_start);
    free(plan->first_picks);
    free(plan->text_draw);
    free(plan->blocks);
}

/* ---- files ----------------------------------------------------------------------------------- */

typedef enum file_index {
    MOVIES,
    RATINGS,
    TAGS,
    LINKS,
    N_FILES
} file_index;

static const char *const FILE_NAMES[N_FILES] = {"movies.csv", "ratings.csv", "tags.csv",
                                                "links.csv"};
static const char *const HEADERS[N_FILES] = {
    "movieId,title,genres\r\n",
    "userId,movieId,rating,timestamp\r\n",
    "userId,movieId,tag,timestamp\r\n",
    "movieId,imdbId,tmdbId\r\n",
};

typedef struct output_file {
    char *path;
    char *partial_path; /* what the file is called until all files are complete */
    int descriptor;     /* -1: not open */
    bool created;
    int64_t size_bytes;
} output_file;

/* 0, or an errno. */
static int write_at(const output_file *file, const char *bytes, int64_t n_bytes, int64_t offset)
{
    while (n_bytes > 0) {
        ssize_t n = pwrite(file->descriptor, bytes, (size_t)n_bytes, (off_t)offset);
        if (n < 0 && errno != EINTR) {
            return errno;
        }
        if (n == 0) {
            return EIO;
        }
        if (n > 0) {
            bytes += n;
            n_bytes -= n;
            offset += n;
        }
    }
    return 0;
}

static int append(output_file *file, const char *bytes, int64_t n_bytes)
{
    int failure = write_at(file, bytes, n_bytes, file->size_bytes);
    file->size_bytes += n_bytes;
    return failure;
}

static char *join_path(const char *directory, const char *name, const char *suffix)
{
    size_t size = strlen(directory) + strlen(name) + strlen(suffix) + 2;
    char *path = malloc(size);
    if (path) {
        snprintf(path, size, "%s/%s%s", directory, name, suffix);
    }
    return path;
}

static int open_file(output_file *file, const char *directory, file_index which)
{
    file->path = join_path(directory, FILE_NAMES[which], "");
    file->partial_path = join_path(directory, FILE_NAMES[which], ".partial");
    if (!file->path || !file->partial_path) {
        return ENOMEM;
    }
    file->descriptor = open(file->partial_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file->descriptor < 0) {
        return errno;
    }
    file->created = true;
    return append(file, HEADERS[which], (int64_t)strlen(HEADERS[which]));
}

/* Some file systems report a full disk only here. */
static int close_file(output_file *file)
{
    int descriptor = file->descriptor;
    file->descriptor = -1;
    return descriptor >= 0 && close(descriptor) != 0 ? errno : 0;
}

static int publish_file(output_file *file)
{
    if (rename(file->partial_path, file->path) != 0) {
        return errno;
    }
    file->created = false;
    return 0;
}

static void discard_file(output_file *file)
{
    close_file(file);
    if (file->created) {
        unlink(file->partial_path);
    }
    free(file->path);
    free(file->partial_path);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static char *put_bytes(char *out, const char *bytes, int length)
{
    memcpy(out, bytes, (size_t)length);
    return out + length;
}

static char *put_number(char *out, uint32_t value)
{
    static const char PAIRS[] =
        "00010203040506070809101112131415161718192021222324252627282930313233"
        "34353637383940414243444546474849505152535455565758596061626364656667"
        "6869707172737475767778798081828384858687888990919293949596979899";
    char digits[10];
    int at = ARRAY_LENGTH(digits);
    while (value >= 100) {
        at -= 2;
        memcpy(digits + at, PAIRS + value % 100 * 2, 2);
        value /= 100;
    }
    if (value >= 10) {
        at -= 2;
        memcpy(digits + at, PAIRS + value * 2, 2);
    } else {
        digits[--at] = (char)('0' + value);
    }
    return put_bytes(out, digits + at, ARRAY_LENGTH(digits) - at);
}

/* As RFC 4180: in quotes if it holds a comma or a quote, inner quotes doubled. */
static char *put_field(char *out, const text *field)
{
    if (!memchr(field->bytes, ',', (size_t)field->length) &&
        !memchr(field->bytes, '"', (size_t)field->length)) {
        return put_bytes(out, field->bytes, field->length);
    }
    *out++ = '"';
    for (int i = 0; i < field->length; i++) {
        if (field->bytes[i] == '"') {
            *out++ = '"';
        }
        *out++ = field->bytes[i];
    }
    *out++ = '"';
    return out;
}

static char *put_line_end(char *out)
{
    return put_bytes(out, "\r\n", 2);
}

static uint32_t draw_genre(uint64_t *random)
{
    uint32_t total = 0, genre = 0;
    for (int i = 0; i < ARRAY_LENGTH(GENRE_WEIGHTS); i++) {
        total += GENRE_WEIGHTS[i];
    }
    uint32_t at = random_below(random, total);
    while (at >= GENRE_WEIGHTS[genre]) {
        at -= GENRE_WEIGHTS[genre++];
    }
    return genre;
}

static char *put_genres(char *out, uint64_t *random)
{
    static const char NONE[] = "(no genres listed)";
    if (random_chance(random, 80800)) {
        return put_bytes(out, NONE, (int)strlen(NONE));
    }
    uint32_t at = random_below(random, 1000), more = 0;
    while (at >= GENRES_PER_MOVIE[more]) {
        at -= GENRES_PER_MOVIE[more++];
    }
    uint32_t chosen = 0; /* one bit per genre */
    for (uint32_t n = 0; n <= more;) {
        uint32_t bit = UINT32_C(1) << draw_genre(random);
        n += !(chosen & bit);
        chosen |= bit;
    }
    for (int genre = 0; genre < ARRAY_LENGTH(GENRES); genre++) {
        if (chosen >> genre & 1) {
            out = put_bytes(out, GENRES[genre], (int)strlen(GENRES[genre]));
            *out++ = '|';
        }
    }
    return out - 1;
}

static char *put_movie(char *out, const data_plan *plan, int64_t movie)
{
    uint64_t random = random_stream(plan->seed, STREAM_MOVIE, movie);
    text title;
    make_title(&title, &random);
    out = put_number(out, (uint32_t)plan->movie_id[movie]);
    *out++ = ',';
    out = put_field(out, &title);
    *out++ = ',';
    out = put_genres(out, &random);
    return put_line_end(out);
}

/* `order` is a permutation of the movies; it makes the foreign ids unique. 92 % of the IMDb ids
 * have seven digits, the others eight; one movie in 700 is unknown to TMDB. */
static char *put_link(char *out, const data_plan *plan, const int32_t *order, int64_t movie)
{
    int64_t n = plan->n_movies, n_short = n * 92 / 100;
    int64_t imdb_place = order[movie], tmdb_place = order[n - 1 - movie];
    int64_t imdb = imdb_place < n_short
                       ? 1 + imdb_place * 9999998 / n_short
                       : 10000000 + (imdb_place - n_short) * 19000000 / (n - n_short);
    out = put_number(out, (uint32_t)plan->movie_id[movie]);
    *out++ = ',';
    for (int64_t power = 1000000; power > imdb; power /= 10) {
        *out++ = '0';
    }
    out = put_number(out, (uint32_t)imdb);
    *out++ = ',';
    if (tmdb_place % 700 != 0) {
        out = put_number(out, (uint32_t)(2 + tmdb_place * 13));
    }
    return put_line_end(out);
}

/* 0, or an errno and in *failed the file it is about. */
static int write_movies_and_links(const data_plan *plan, output_file *files, file_index *failed)
{
    int failure = ENOMEM;
    *failed = MOVIES;
    char *movies = malloc(WRITE_SIZE + MOVIE_ROW_MAX), *movies_end = movies;
    char *links = malloc(WRITE_SIZE + LINK_ROW_MAX), *links_end = links;
    int32_t *order = malloc((size_t)plan->n_movies * sizeof(*order));
    if (!movies || !links || !order) {
        goto done;
    }
    for (int64_t i = 0; i < plan->n_movies; i++) {
        order[i] = (int32_t)i;
    }
    uint64_t random = random_stream(plan->seed, STREAM_LINKS, 0);
    shuffle(&random, order, plan->n_movies);
    failure = 0;
    for (int64_t i = 0; i < plan->n_movies && failure == 0; i++) {
        bool last = i == plan->n_movies - 1;
        movies_end = put_movie(movies_end, plan, i);
        links_end = put_link(links_end, plan, order, i);
        if (movies_end - movies >= WRITE_SIZE || last) {
            *failed = MOVIES;
            failure = append(&files[MOVIES], movies, movies_end - movies);
            movies_end = movies;
        }
        if (failure == 0 && (links_end - links >= WRITE_SIZE || last)) {
            *failed = LINKS;
            failure = append(&files[LINKS], links, links_end - links);
            links_end = links;
        }
    }
done:
    free(order);
    free(links);
    free(movies);
    return failure;
}

/* ---- users: ratings and tags ----------------------------------------------------------------- */

/* What one thread needs for one user and one block at a time. */
typedef struct workspace {
    uint64_t *picked; /* one bit per movie, all 0 between users */
    int32_t *movies;  /* the user's movies, ascending */
    int32_t *times;   /* when he rated each of them */
    uint64_t *tags;   /* movie << 32 | text */
    char *ratings_text, *ratings_end;
    char *tags_text, *tags_end;
} workspace;

static int64_t n_picked_words(const data_plan *plan)
{
    return (plan->n_movies + 63) / 64;
}

static bool make_workspace(const data_plan *plan, workspace *space)
{
    space->picked = calloc((size_t)n_picked_words(plan), sizeof(uint64_t));
    space->movies = malloc((size_t)plan->max_ratings * sizeof(int32_t));
    space->times = malloc((size_t)plan->max_ratings * sizeof(int32_t));
    space->tags = malloc((size_t)plan->max_tags * sizeof(uint64_t));
    space->ratings_text = malloc((size_t)plan->max_block_ratings * RATING_ROW_MAX);
    space->tags_text = malloc((size_t)plan->max_block_tags * TAG_ROW_MAX);
    return space->picked && space->movies && space->times && space->tags && space->ratings_text &&
           space->tags_text;
}

static void free_workspace(workspace *space)
{
    free(space->picked);
    free(space->movies);
    free(space->times);
    free(space->tags);
    free(space->ratings_text);
    free(space->tags_text);
}

static bool pick(uint64_t *picked, uint32_t movie)
{
    uint64_t bit = UINT64_C(1) << (movie % 64);
    bool is_new = !(picked[movie / 64] & bit);
    picked[movie / 64] |= bit;
    return is_new;
}

static void pick_movies(const data_plan *plan, workspace *space, int64_t user)
{
    int32_t left = plan->ratings_of_user[user];
    for (uint32_t i = plan->first_pick_start[user]; i < plan->first_pick_start[user + 1]; i++) {
        left -= pick(space->picked, plan->first_picks[i]);
    }
    uint64_t random = random_stream(plan->seed, STREAM_PICKS, user);
    while (left > 0) {
        uint32_t movie = draw_alias(plan->movie_draw, (uint32_t)plan->n_movies, &random);
        left -= pick(space->picked, movie);
    }
    int32_t *out = space->movies;
    for (int64_t word = 0; word < n_picked_words(plan); word++) {
        for (uint64_t bits = space->picked[word]; bits != 0; bits &= bits - 1) {
            *out++ = (int32_t)(word * 64 + __builtin_ctzll(bits));
        }
        space->picked[word] = 0;
    }
}

/* Visits of ratings a few seconds apart, in an order independent of the movies' ids. */
static void draw_times(const data_plan *plan, workspace *space, int64_t user,
                       const user_traits *traits)
{
    uint64_t random = random_stream(plan->seed, STREAM_TIMES, user);
    int64_t n = plan->ratings_of_user[user], at = 0;
    for (int64_t i = 0; i < n; i++) {
        space->times[i] = (int32_t)at;
        if (random_chance(&random, traits->break_chance)) {
            uint32_t about = (DAY / 4) << random_below(&random, 11); /* to 256 days */
            int64_t pause = about + random_below(&random, about);
            at += at + pause < LONGEST_ACTIVITY ? pause : 0;
        }
        at += plan->gaps[random_below(&random, ARRAY_LENGTH(plan->gaps))];
    }
    /* Who would be active beyond the end came that much earlier. */
    int64_t first = clamp(traits->first_time, 0, LAST_TIME - space->times[n - 1]);
    for (int64_t i = 0; i < n; i++) {
        space->times[i] += (int32_t)first;
    }
    shuffle(&random, space->times, n);
}

static void put_ratings(const data_plan *plan, workspace *space, int64_t user,
                        const user_traits *traits)
{
    char user_id[12];
    int user_id_length = (int)(put_number(user_id, (uint32_t)(user + 1)) - user_id);
    user_id[user_id_length++] = ',';
    const star_level *stars = plan->stars[traits->whole_stars];
    uint64_t random = random_stream(plan->seed, STREAM_RATINGS, user);
    char *out = space->ratings_end;
    for (int64_t i = 0; i < plan->ratings_of_user[user]; i++) {
        int32_t movie = space->movies[i];
        uint64_t bits = next_random(&random);
        int32_t opinion = plan->quality[movie] + traits->bias + four_bytes(bits);
        const star_level *level = &stars[opinion - MIN_OPINION];
        uint32_t half_stars =
            1 + (uint32_t)(bits >> 48 < level->cut ? level->lower : level->higher);
        out = put_bytes(out, user_id, user_id_length);
        out = put_number(out, (uint32_t)plan->movie_id[movie]);
        *out++ = ',';
        *out++ = (char)('0' + half_stars / 2);
        *out++ = '.';
        *out++ = half_stars % 2 ? '5' : '0';
        *out++ = ',';
        out = put_number(out, (uint32_t)space->times[i]);
        out = put_line_end(out);
    }
    space->ratings_end = out;
}

/* Mostly one of the movies that the user has rated, unless he has far more tags than ratings; one
 * in eight comes from anywhere, unrated movies included. */
static uint64_t draw_tagged_movie(const data_plan *plan, const workspace *space, int64_t user,
                                  uint64_t *random)
{
    uint32_t n_rated = (uint32_t)plan->ratings_of_user[user];
    if (random_below(random, 8) == 0) {
        return random_below(random, (uint32_t)plan->n_movies);
    }
    if (plan->tags_of_user[user] / 4 <= plan->ratings_of_user[user]) {
        return (uint64_t)space->movies[random_below(random, n_rated)];
    }
    return draw_alias(plan->movie_draw, (uint32_t)plan->n_movies, random);
}

static uint64_t draw_common_text(const data_plan *plan, uint64_t *random)
{
    return draw_alias(plan->text_draw, (uint32_t)plan->n_common_texts, random);
}

/* The user's tags, sorted by movie, no two the same. Every TAGS_PER_TEXT-th tag of all takes a text
 * whose turn it is (in an order shuffled by a prime step), so that every text occurs. */
static void draw_tags(const data_plan *plan, workspace *space, int64_t user, int64_t first_tag,
                      uint64_t *random)
{
    int64_t n = plan->tags_of_user[user];
    uint64_t movie = 0;
    for (int64_t i = 0, left = 0; i < n; i++, left--) {
        if (left == 0) {
            movie = draw_tagged_movie(plan, space, user, random);
            left = 1 + random_below(random, 6);
        }
        int64_t tag = first_tag + i;
        uint64_t turn = (uint64_t)(tag / TAGS_PER_TEXT * 1000003 % plan->n_texts);
        space->tags[i] =
            movie << 32 | (tag % TAGS_PER_TEXT == 0 ? turn : draw_common_text(plan, random));
    }
    for (bool repeats = true; repeats;) {
        qsort(space->tags, (size_t)n, sizeof(*space->tags), compare_uint64);
        repeats = false;
        for (int64_t i = 1; i < n; i++) {
            if (space->tags[i] == space->tags[i - 1]) {
                repeats = true;
                space->tags[i - 1] = draw_tagged_movie(plan, space, user, random) << 32 |
                                     draw_common_text(plan, random);
            }
        }
    }
}

static void put_tags(const data_plan *plan, workspace *space, int64_t user, int64_t first_tag)
{
    uint64_t random = random_stream(plan->seed, STREAM_TAGS, user);
    draw_tags(plan, space, user, first_tag, &random);
    char *out = space->tags_end;
    uint32_t n_times = (uint32_t)plan->ratings_of_user[user];
    int64_t at = 0;
    for (int64_t i = 0; i < plan->tags_of_user[user]; i++) {
        uint32_t movie = (uint32_t)(space->tags[i] >> 32);
        if (i == 0 || movie != (uint32_t)(space->tags[i - 1] >> 32)) {
            at = space->times[random_below(&random, n_times)];
            at = at >= TAGS_SINCE ? at : TAGS_SINCE + random_below(&random, LAST_TIME - TAGS_SINCE);
        }
        text tag;
        make_tag((uint32_t)space->tags[i], &tag);
        out = put_number(out, (uint32_t)(user + 1));
        *out++ = ',';
        out = put_number(out, (uint32_t)plan->movie_id[movie]);
        *out++ = ',';
        out = put_field(out, &tag);
        *out++ = ',';
        out = put_number(out, (uint32_t)(at + random_below(&random, 40)));
        out = put_line_end(out);
    }
    space->tags_end = out;
}

static int64_t format_block(const data_plan *plan, workspace *space, const user_block *block)
{
    int64_t first_tag = block->first_tag, n_ratings = 0;
    space->ratings_end = space->ratings_text;
    space->tags_end = space->tags_text;
    for (int64_t user = block->first_user; user < block[1].first_user; user++) {
        user_traits traits = traits_of(plan->seed, user);
        pick_movies(plan, space, user);
        draw_times(plan, space, user, &traits);
        put_ratings(plan, space, user, &traits);
        put_tags(plan, space, user, first_tag);
        first_tag += plan->tags_of_user[user];
        n_ratings += plan->ratings_of_user[user];
    }
    return n_ratings;
}

/* ---- the threads ----------------------------------------------------------------------------- */

/* Threads take blocks as they come. A block's place in the files is known when all before it have
 * been formatted; the writing itself then goes on beside the others'. */
typedef struct user_run {
    const data_plan *plan;
    const generate_options *options;
    output_file *files;
    pthread_mutex_t lock; /* guards all below, and the sizes of the files */
    pthread_cond_t turn_changed;
    int64_t next_block; /* to be taken */
    int64_t turn;       /* the block to be placed next */
    int64_t n_done;
    bool stopped;
    int failure; /* errno of the first failure, about files[failed] */
    file_index failed;
} user_run;

typedef struct worker {
    user_run *run;
    workspace space;
    pthread_t thread;
} worker;

/* With the lock held. */
static void stop(user_run *run, int failure, file_index failed)
{
    if (!run->stopped) {
        run->failure = failure;
        run->failed = failed;
    }
    run->stopped = true;
    pthread_cond_broadcast(&run->turn_changed);
}

static void write_block(user_run *run, const workspace *space, int64_t index, int64_t n_ratings)
{
    int64_t n_ratings_bytes = space->ratings_end - space->ratings_text;
    int64_t n_tags_bytes = space->tags_end - space->tags_text;
    pthread_mutex_lock(&run->lock);
    while (run->turn != index && !run->stopped) {
        pthread_cond_wait(&run->turn_changed, &run->lock);
    }
    int64_t ratings_offset = run->files[RATINGS].size_bytes;
    int64_t tags_offset = run->files[TAGS].size_bytes;
    run->files[RATINGS].size_bytes += n_ratings_bytes;
    run->files[TAGS].size_bytes += n_tags_bytes;
    run->turn++;
    bool stopped = run->stopped;
    pthread_cond_broadcast(&run->turn_changed);
    pthread_mutex_unlock(&run->lock);
    if (stopped) {
        return;
    }

    file_index written = RATINGS;
    int failure =
        write_at(&run->files[RATINGS], space->ratings_text, n_ratings_bytes, ratings_offset);
    if (failure == 0) {
        written = TAGS;
        failure = write_at(&run->files[TAGS], space->tags_text, n_tags_bytes, tags_offset);
    }

    pthread_mutex_lock(&run->lock);
    const generate_options *options = run->options;
    run->n_done += n_ratings;
    if (failure != 0) {
        stop(run, failure, written);
    } else if (options->progress && !run->stopped &&
               !options->progress(options->progress_context, run->n_done, run->plan->n_ratings)) {
        stop(run, ECANCELED, written);
    }
    pthread_mutex_unlock(&run->lock);
}

static void *work(void *argument)
{
    worker *self = argument;
    user_run *run = self->run;
    for (;;) {
        pthread_mutex_lock(&run->lock);
        int64_t index = run->stopped ? run->plan->n_blocks : run->next_block++;
        pthread_mutex_unlock(&run->lock);
        if (index >= run->plan->n_blocks) {
            return NULL;
        }
        int64_t n_ratings = format_block(run->plan, &self->space, &run->plan->blocks[index]);
        write_block(run, &self->space, index, n_ratings);
    }
}

static int64_t count_threads(const generate_options *options, int64_t n_blocks)
{
    int64_t n = options->n_threads > 0 ? options->n_threads : sysconf(_SC_NPROCESSORS_ONLN);
    return clamp(n, 1, n_blocks);
}

/* 0, or an errno and in *failed the file it is about. */
static int write_users(const data_plan *plan, const generate_options *options, output_file *files,
                       file_index *failed)
{
    user_run run = {
        .plan = plan,
        .options = options,
        .files = files,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .turn_changed = PTHREAD_COND_INITIALIZER,
        .failed = RATINGS,
    };
    int64_t n_workers = count_threads(options, plan->n_blocks), n_started = 0;
    worker *workers = calloc((size_t)n_workers, sizeof(*workers));
    bool enough = workers != NULL;
    for (int64_t i = 0; enough && i < n_workers; i++) {
        workers[i].run = &run;
        enough = make_workspace(plan, &workers[i].space);
    }
    if (enough) {
        /* The caller's thread is worker 0; with fewer threads than wanted it only takes longer. */
        while (n_started + 1 < n_workers && pthread_create(&workers[n_started + 1].thread, NULL,
                                                           work, &workers[n_started + 1]) == 0) {
            n_started++;
        }
        work(&workers[0]);
    } else {
        run.failure = ENOMEM;
    }
    for (int64_t i = 1; i <= n_started; i++) {
        pthread_join(workers[i].thread, NULL);
    }
    for (int64_t i = 0; workers && i < n_workers; i++) {
        free_workspace(&workers[i].space);
    }
    free(workers);
    pthread_cond_destroy(&run.turn_changed);
    pthread_mutex_destroy(&run.lock);
    *failed = run.failed;
    return run.failure;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void describe(char *message, size_t message_size, int failure, const char *what,
                     const char *path)
{
    if (failure == ENOMEM) {
        snprintf(message, message_size, "not enough memory to generate the data");
    } else if (failure == ECANCELED) {
        snprintf(message, message_size, "cancelled");
    } else {
        snprintf(message, message_size, "cannot %s %s: %s", what, path, strerror(failure));
    }
}

static int write_files(const data_plan *plan, const generate_options *options, output_file *files,
                       char *message, size_t message_size)
{
    int failure = 0;
    const char *what = "create";
    file_index which = MOVIES;
    if (mkdir(options->directory, 0777) != 0 && errno != EEXIST) {
        describe(message, message_size, errno, what, options->directory);
        return -1;
    }
    for (int i = 0; i < N_FILES && failure == 0; i++) {
        which = (file_index)i;
        failure = open_file(&files[i], options->directory, which);
    }
    if (failure == 0) {
        what = "write";
        failure = write_movies_and_links(plan, files, &which);
    }
    if (failure == 0) {
        failure = write_users(plan, options, files, &which);
    }
    for (int i = 0; i < N_FILES && failure == 0; i++) {
        which = (file_index)i;
        failure = close_file(&files[i]);
    }
    for (int i = 0; i < N_FILES && failure == 0; i++) {
        what = "rename to";
        which = (file_index)i;
        failure = publish_file(&files[i]);
    }
    if (failure != 0) {
        describe(message, message_size, failure, what, files[which].path);
        return -1;
    }
    return 0;
}

int generate_movielens(const generate_options *options, char *message, size_t message_size)
{
    /* Written so that NaN is refused too. */
    if (!(options->scale >= GENERATE_MIN_SCALE && options->scale <= GENERATE_MAX_SCALE)) {
        snprintf(message, message_size, "the scale must be between %g and %g, not %g",
                 GENERATE_MIN_SCALE, GENERATE_MAX_SCALE, options->scale);
        return -1;
    }
    data_plan plan = {
        .seed = options->seed,
        .scale_ppm = (int64_t)(options->scale * MILLION + 0.5),
    };
    output_file files[N_FILES];
    for (int i = 0; i < N_FILES; i++) {
        files[i] = (output_file){.descriptor = -1};
    }
    int result = -1;
    if (make_plan(&plan)) {
        result = write_files(&plan, options, files, message, message_size);
    } else {
        describe(message, message_size, ENOMEM, NULL, NULL);
    }
    for (int i = 0; i < N_FILES; i++) {
        discard_file(&files[i]);
    }
    free_plan(&plan);
    return result;
}
