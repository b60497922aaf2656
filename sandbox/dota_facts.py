"""Public facts of Dota 2 that the simulated upstreams share.

Each table is stored as compact text; the typed constants below are parsed from it. The sandbox has a copy of its own on
purpose: its ground truth must not depend on the warehouse's seeds.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

# id, internal name, attribute, attack, name. The ids have gaps.
_HEROES = """
1 antimage agi Melee Anti-Mage
2 axe str Melee Axe
3 bane all Ranged Bane
4 bloodseeker agi Melee Bloodseeker
5 crystal_maiden int Ranged Crystal Maiden
6 drow_ranger agi Ranged Drow Ranger
7 earthshaker str Melee Earthshaker
8 juggernaut agi Melee Juggernaut
9 mirana agi Ranged Mirana
10 morphling agi Ranged Morphling
11 nevermore agi Ranged Shadow Fiend
12 phantom_lancer agi Melee Phantom Lancer
13 puck int Ranged Puck
14 pudge str Melee Pudge
15 razor agi Ranged Razor
16 sand_king all Melee Sand King
17 storm_spirit int Ranged Storm Spirit
18 sven str Melee Sven
19 tiny str Melee Tiny
20 vengefulspirit agi Ranged Vengeful Spirit
21 windrunner all Ranged Windranger
22 zuus int Ranged Zeus
23 kunkka str Melee Kunkka
25 lina int Ranged Lina
26 lion int Ranged Lion
27 shadow_shaman int Ranged Shadow Shaman
28 slardar str Melee Slardar
29 tidehunter str Melee Tidehunter
30 witch_doctor int Ranged Witch Doctor
31 lich int Ranged Lich
32 riki agi Melee Riki
33 enigma all Ranged Enigma
34 tinker int Ranged Tinker
35 sniper agi Ranged Sniper
36 necrolyte int Ranged Necrophos
37 warlock int Ranged Warlock
38 beastmaster all Melee Beastmaster
39 queenofpain int Ranged Queen of Pain
40 venomancer all Ranged Venomancer
41 faceless_void agi Melee Faceless Void
42 skeleton_king str Melee Wraith King
43 death_prophet all Ranged Death Prophet
44 phantom_assassin agi Melee Phantom Assassin
45 pugna int Ranged Pugna
46 templar_assassin agi Ranged Templar Assassin
47 viper agi Ranged Viper
48 luna agi Ranged Luna
49 dragon_knight str Melee Dragon Knight
50 dazzle all Ranged Dazzle
51 rattletrap str Melee Clockwerk
52 leshrac int Ranged Leshrac
53 furion all Ranged Nature's Prophet
54 life_stealer str Melee Lifestealer
55 dark_seer int Melee Dark Seer
56 clinkz agi Ranged Clinkz
57 omniknight str Melee Omniknight
58 enchantress int Ranged Enchantress
59 huskar str Ranged Huskar
60 night_stalker str Melee Night Stalker
61 broodmother agi Melee Broodmother
62 bounty_hunter agi Melee Bounty Hunter
63 weaver agi Ranged Weaver
64 jakiro int Ranged Jakiro
65 batrider all Ranged Batrider
66 chen int Ranged Chen
67 spectre agi Melee Spectre
68 ancient_apparition int Ranged Ancient Apparition
69 doom_bringer str Melee Doom
70 ursa agi Melee Ursa
71 spirit_breaker str Melee Spirit Breaker
72 gyrocopter agi Ranged Gyrocopter
73 alchemist str Melee Alchemist
74 invoker int Ranged Invoker
75 silencer int Ranged Silencer
76 obsidian_destroyer int Ranged Outworld Devourer
77 lycan str Melee Lycan
78 brewmaster all Melee Brewmaster
79 shadow_demon int Ranged Shadow Demon
80 lone_druid agi Ranged Lone Druid
81 chaos_knight str Melee Chaos Knight
82 meepo agi Melee Meepo
83 treant str Melee Treant Protector
84 ogre_magi str Melee Ogre Magi
85 undying str Melee Undying
86 rubick int Ranged Rubick
87 disruptor int Ranged Disruptor
88 nyx_assassin all Melee Nyx Assassin
89 naga_siren agi Melee Naga Siren
90 keeper_of_the_light int Ranged Keeper of the Light
91 wisp all Ranged Io
92 visage all Ranged Visage
93 slark agi Melee Slark
94 medusa agi Ranged Medusa
95 troll_warlord agi Ranged Troll Warlord
96 centaur str Melee Centaur Warrunner
97 magnataur all Melee Magnus
98 shredder str Melee Timbersaw
99 bristleback str Melee Bristleback
100 tusk str Melee Tusk
101 skywrath_mage int Ranged Skywrath Mage
102 abaddon all Melee Abaddon
103 elder_titan str Melee Elder Titan
104 legion_commander str Melee Legion Commander
105 techies all Ranged Techies
106 ember_spirit agi Melee Ember Spirit
107 earth_spirit str Melee Earth Spirit
108 abyssal_underlord str Melee Underlord
109 terrorblade agi Melee Terrorblade
110 phoenix str Ranged Phoenix
111 oracle int Ranged Oracle
112 winter_wyvern int Ranged Winter Wyvern
113 arc_warden all Ranged Arc Warden
114 monkey_king agi Melee Monkey King
119 dark_willow int Ranged Dark Willow
120 pangolier all Melee Pangolier
121 grimstroke int Ranged Grimstroke
123 hoodwink agi Ranged Hoodwink
126 void_spirit all Melee Void Spirit
128 snapfire all Ranged Snapfire
129 mars str Melee Mars
131 ringmaster int Ranged Ring Master
135 dawnbreaker str Melee Dawnbreaker
136 marci all Melee Marci
137 primal_beast str Melee Primal Beast
138 muerta int Ranged Muerta
145 kez agi Melee Kez
155 largo str Melee Largo
"""

# id, name, whether the game counts it as balanced.
_GAME_MODES = """
0 unknown balanced
1 all_pick balanced
2 captains_mode balanced
3 random_draft balanced
4 single_draft balanced
5 all_random balanced
6 intro other
7 diretide other
8 reverse_captains_mode other
9 greeviling other
10 tutorial other
11 mid_only other
12 least_played balanced
13 limited_heroes other
14 compendium_matchmaking other
15 custom other
16 captains_draft balanced
17 balanced_draft balanced
18 ability_draft other
19 event other
20 all_random_death_match other
21 1v1_mid other
22 all_draft balanced
23 turbo other
24 mutation other
25 coaches_challenge other
"""

_LOBBY_TYPES = """
0 normal balanced
1 practice balanced
2 tournament balanced
3 tutorial other
4 coop_bots other
5 ranked_team_mm balanced
6 ranked_solo_mm balanced
7 ranked balanced
8 1v1_mid other
9 battle_cup balanced
10 local_bots balanced
11 spectator balanced
12 event other
13 gauntlet balanced
14 new_player other
15 featured other
"""

# name and release day (UTC); the position is the id.
_PATCHES = """
6.70 2010-12-24  6.71 2011-01-21  6.72 2011-04-27  6.73 2011-12-24  6.74 2012-03-10
6.75 2012-09-30  6.76 2012-10-21  6.77 2012-12-15  6.78 2013-05-30  6.79 2013-11-24
6.80 2014-01-27  6.81 2014-04-29  6.82 2014-09-24  6.83 2014-12-17  6.84 2015-04-30
6.85 2015-09-24  6.86 2015-12-16  6.87 2016-04-26  6.88 2016-06-12  7.00 2016-12-13
7.01 2016-12-21  7.02 2017-02-09  7.03 2017-03-16  7.04 2017-03-23  7.05 2017-04-09
7.06 2017-05-15  7.07 2017-10-31  7.08 2018-02-01  7.09 2018-02-15  7.10 2018-03-01
7.11 2018-03-15  7.12 2018-03-29  7.13 2018-04-12  7.14 2018-04-26  7.15 2018-05-10
7.16 2018-05-27  7.17 2018-06-10  7.18 2018-06-24  7.19 2018-07-30  7.20 2018-11-19
7.21 2019-01-29  7.22 2019-05-25  7.23 2019-11-26  7.24 2020-01-27  7.25 2020-03-17
7.26 2020-04-18  7.27 2020-06-29  7.28 2020-12-18  7.29 2021-04-10  7.30 2021-08-18
7.31 2022-02-23  7.32 2022-08-24  7.33 2023-04-21  7.34 2023-08-09  7.35 2023-12-14
7.36 2024-05-23  7.37 2024-08-01  7.38 2025-02-19  7.39 2025-05-22  7.40 2025-12-16
7.41 2026-03-24
"""

_REGIONS = """
1 US WEST
2 US EAST
3 EUROPE
5 SINGAPORE
6 DUBAI
7 AUSTRALIA
8 STOCKHOLM
9 AUSTRIA
10 BRAZIL
11 SOUTHAFRICA
12 PW TELECOM SHANGHAI
13 PW UNICOM
14 CHILE
15 PERU
16 INDIA
17 PW TELECOM GUANGDONG
18 PW TELECOM ZHEJIANG
19 JAPAN
20 PW TELECOM WUHAN
25 PW UNICOM TIANJIN
37 TAIWAN
38 ARGENTINA
"""

# region: its server clusters
_CLUSTERS = """
1: 111 112 113 114 117 118
2: 121 122 123 124
3: 131 132 133 134 135 136 137 138 271 272 273 274
5: 151 152 153 154 155 156
6: 161 162 163
7: 171 172
8: 181 182 183 184 185 186 187 188
9: 191 192 193
10: 200 201 202 203 204
11: 211 212 213 214
12: 221 222 224
13: 231 235 236
14: 241 242
15: 251
16: 261
17: 225
18: 223
19: 141 142 143 144 145
20: 227
25: 232
38: 346 347
"""


class Hero(NamedTuple):
    """One hero as the constants list it."""

    hero_id: int
    name: str
    primary_attr: str
    attack_type: str
    localized_name: str


class Mode(NamedTuple):
    """A game mode or a lobby type; `balanced` decides whether a match counts as significant."""

    mode_id: int
    name: str
    balanced: bool


class Patch(NamedTuple):
    """A patch and the second (Unix, UTC) from which matches are played on it."""

    patch_id: int
    name: str
    released_at: int


def _lines(table: str) -> list[str]:
    return table.strip().splitlines()


def _parse_hero(line: str) -> Hero:
    hero_id, name, attr, attack, localized = line.split(" ", 4)
    return Hero(int(hero_id), f"npc_dota_hero_{name}", attr, attack, localized)


def _parse_modes(table: str, prefix: str) -> tuple[Mode, ...]:
    rows = (line.split() for line in _lines(table))
    return tuple(Mode(int(number), prefix + name, kind == "balanced") for number, name, kind in rows)


def _day(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def _parse_patches() -> tuple[Patch, ...]:
    words = _PATCHES.split()
    known = [
        Patch(number, name, _day(date)) for number, (name, date) in enumerate(zip(words[::2], words[1::2], strict=True))
    ]
    # The world continues after the last known patch, and hero strengths must change within it: an invented patch
    # follows every 75 days.
    last = known[-1]
    for step in range(1, 40):
        name = f"7.{41 + step}"
        known.append(Patch(last.patch_id + step, name, last.released_at + step * 75 * 86_400))
    return tuple(known)


HEROES = tuple(_parse_hero(line) for line in _lines(_HEROES))
# An invented hero: it is played before the constants list it, as every new hero is.
UPCOMING_HERO = Hero(160, "npc_dota_hero_lamplighter", "int", "Ranged", "Lamplighter")

GAME_MODES = _parse_modes(_GAME_MODES, "game_mode_")
LOBBY_TYPES = _parse_modes(_LOBBY_TYPES, "lobby_type_")
BALANCED_GAME_MODES = frozenset(mode.mode_id for mode in GAME_MODES if mode.balanced)
BALANCED_LOBBY_TYPES = frozenset(lobby.mode_id for lobby in LOBBY_TYPES if lobby.balanced)

PATCHES = _parse_patches()
REGIONS = {int(line.split(" ", 1)[0]): line.split(" ", 1)[1] for line in _lines(_REGIONS)}

CLUSTER_REGIONS = {
    int(cluster): int(line.split(":")[0]) for line in _lines(_CLUSTERS) for cluster in line.split(":")[1].split()
}
# Both occur in real responses: a cluster without a region, and a region without a name.
UNKNOWN_CLUSTER = 399
CLUSTER_OF_UNKNOWN_REGION = 410
CLUSTER_REGIONS[CLUSTER_OF_UNKNOWN_REGION] = 99

# A match of this duration (seconds) or less is not significant.
LONGEST_INSIGNIFICANT_S = 360
