{#
    Facts about games and ladders that models need as literals, because a join to a seed would change the plans of
    incremental builds. A game or ladder without an entry gets null or no row, never the facts of another one, and
    `game()` and `ladder()` reject its name when the project is parsed. `tests/dbt/test_games.py` compares the entries
    with `seeds/games.csv`.
#}


{#
    Names of the games with a fact, as words separated by blanks. Games are in the order in which a person's name and
    country are chosen (`dim_people`).

    fact: `source_name` (source of the matches), `player_id_kind` (`steam`: `player_id` is a Steam account id; `faceit`:
        it is a FACEIT player id) or `level_from` (`elo`: the FACEIT level follows from the elo; `source`: the level is
        the one that FACEIT showed, because the thresholds are unknown).
    value: of the fact; none for all games.
#}
{% macro games_where(fact, value=none) -%}
    {%- set games = {
        'cs2': {'source_name': 'faceit', 'player_id_kind': 'faceit', 'level_from': 'elo'},
        'dota2': {'source_name': 'opendota', 'player_id_kind': 'steam', 'level_from': 'source'},
        'csgo': {'source_name': 'faceit', 'player_id_kind': 'faceit', 'level_from': 'source'},
    } -%}
    {%- for game, facts in games.items() if value is none or facts[fact] == value -%}
        {{ game }}{{ " " if not loop.last }}
    {%- endfor -%}
{%- endmacro %}


{#
    Names of the ladders of a kind, as words separated by blanks.

    kind: `medal` (medal x 10 + stars, named by `dota2_medals`), `rating` (points, named `<points> MMR`), `elo`
        (FACEIT's elo, named by its level) or `level` (FACEIT's level, in distributions); none for all ladders.
#}
{% macro ladders_of(kind=none) -%}
    {%- set ladders = {
        'dota2_rank_tier': 'medal',
        'dota2_solo_mmr': 'rating',
        'dota2_party_mmr': 'rating',
        'faceit_elo': 'elo',
        'faceit_level': 'level',
    } -%}
    {%- for ladder, kind_of_ladder in ladders.items() if kind is none or kind_of_ladder == kind -%}
        {{ ladder }}{{ " " if not loop.last }}
    {%- endfor -%}
{%- endmacro %}


{# The name of a game as a literal; a compilation error for an unknown game. #}
{% macro game(name) -%}
    {%- if name not in games_where('source_name').split() -%}
        {{ exceptions.raise_compiler_error(
            "unknown game " ~ name ~ ": add it to macros/games.sql and seeds/games.csv"
        ) }}
    {%- endif -%}
    '{{ name }}'
{%- endmacro %}


{# The name of a ladder as a literal; a compilation error for an unknown ladder. #}
{% macro ladder(name) -%}
    {%- if name not in ladders_of().split() -%}
        {{ exceptions.raise_compiler_error("unknown ladder " ~ name ~ ": add it to macros/games.sql") }}
    {%- endif -%}
    '{{ name }}'
{%- endmacro %}


{# A condition: the column names a game with this fact. #}
{% macro is_game_with(column, fact, value) -%}
    {{ column }} in {{ literals(games_where(fact, value)) }}
{%- endmacro %}


{# A condition: the column names a ladder of this kind. #}
{% macro is_ladder_of(column, kind) -%}
    {{ column }} in {{ literals(ladders_of(kind)) }}
{%- endmacro %}


{# Words separated by blanks as a list of SQL literals. #}
{% macro literals(words) -%}
    ('{{ words.split() | join("', '") }}')
{%- endmacro %}


{#
    The value that belongs to the kind of player id that a game has; null for an unknown game.

    column: column or expression that names the game.
    steam: expression for games whose `player_id` is a Steam account id.
    faceit: expression for games whose `player_id` is a FACEIT player id.
#}
{% macro by_player_id_kind(column, steam, faceit) -%}
    case
        when {{ is_game_with(column, 'player_id_kind', 'steam') }} then {{ steam }}
        when {{ is_game_with(column, 'player_id_kind', 'faceit') }} then {{ faceit }}
    end
{%- endmacro %}


{# Rank of a game in the order in which a person's name is chosen, from 1; null for an unknown game. #}
{% macro name_priority(column) -%}
    case {{ column }}
        {%- for game in games_where('source_name').split() %}
        when '{{ game }}' then {{ loop.index }}
        {%- endfor %}
    end
{%- endmacro %}
