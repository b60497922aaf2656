{#
    Matches of two players and their results for the first player, over significant matches, as signed deltas. Both
    slots of a match must be known, from the details or from the histories of both players.

    A changed slot adds or removes pairs of its match. So the old pairs of a changed match count -1 and the new pairs 1.
    The old slots are the current slots without the rows that the feed inserted and with those that it deleted.

    sides: comparison of their sides, `=` for teammates and `<>` for opponents.
#}
{% macro player_pairs(sides) -%}
{%- set slot = ['game', 'match_id', 'player_id', 'side', 'is_win', 'is_draw', 'played_at'] -%}
{%- set fact = ref('fct_player_matches') -%}
with
{%- if reads_deltas() %}
changes as (

    select * from {{ changes_in(fact) }}
    where is_significant and player_id is not null

),

images as (

    select
        {{ slot | join(', ') }},
        1 as now,
        1 as before
    from {{ fact }}
    where is_significant and player_id is not null
        and (game, match_id) in (select game, match_id from changes)
    union all
    select
        {{ slot | join(', ') }},
        0 as now,
        -_sign as before
    from changes

),

netted as (

    select
        {{ slot | join(', ') }},
        sum(now) as now,
        sum(before) as before
    from images
    group by {{ slot | join(', ') }}

),

slots as (

    select *, -1 as _sign from netted where before > 0
    union all
    select *, 1 as _sign from netted where now > 0

),
{%- else %}
slots as (

    select *, 1 as _sign from {{ fact }}
    where is_significant and player_id is not null

),
{%- endif %}

pairs as (

    select
        slots.game,
        slots.match_id,
        slots.player_id,
        other_slots.player_id as other_player_id,
        slots.is_win,
        slots.is_draw,
        slots.played_at,
        slots._sign
    from slots
    inner join slots as other_slots
        on slots.game = other_slots.game
            and slots.match_id = other_slots.match_id
            and slots.side {{ sides }} other_slots.side
            and slots.player_id <> other_slots.player_id
            and slots._sign = other_slots._sign

),

{%- if reads_deltas() %}

-- Unchanged pairs cancel out.
changed_pairs as (

    select
        game,
        player_id,
        other_player_id,
        is_win,
        is_draw,
        played_at,
        sum(_sign) as _sign
    from pairs
    group by game, match_id, player_id, other_player_id, is_win, is_draw, played_at
    having sum(_sign) <> 0

),
{%- else %}

changed_pairs as (

    select * from pairs

),
{%- endif %}

summed as (

    select
        game,
        player_id,
        other_player_id,
        cast({{ signed_count() }} as integer) as matches,
        cast({{ signed_sum('case when is_win then 1 else 0 end') }} as integer) as wins,
        cast({{ signed_sum('case when is_draw then 1 else 0 end') }} as integer) as draws,
        cast({{ signed_sum('case when is_win or is_draw then 0 else 1 end') }} as integer) as losses,
        {{ max_added('played_at') }} as last_played_at_added,
        {{ max_removed('played_at') }} as last_played_at_removed
    from changed_pairs
    group by game, player_id, other_player_id

),

resolved as (

    select
        game,
        player_id,
        other_player_id,
        matches,
        wins,
        draws,
        losses,
        {{ resolve_max('last_played_at') }} as last_played_at
    from summed

)

select * from resolved
{{ cluster_by('game', 'player_id', 'other_player_id') }}
{%- endmacro %}


{#
    The newest match of the pair `totals`, for `recompute_max`: scans the player's matches from the newest back to the
    first with the other player. `offset 0` keeps the subquery a look-up per match, because a join would read all
    matches of both players.
#}
{% macro newest_shared_match(sides) -%}
    select slots.played_at
    from {{ ref('fct_player_matches') }} as slots
    where slots.game = totals.game
        and slots.player_id = totals.player_id
        and slots.is_significant
        and slots.played_at is not null
        and exists (
            select 1 from {{ ref('fct_player_matches') }} as other_slots
            where other_slots.game = slots.game
                and other_slots.match_id = slots.match_id
                and other_slots.player_id = totals.other_player_id
                and other_slots.side {{ sides }} slots.side
            offset 0
        )
    order by slots.played_at desc
    limit 1
{%- endmacro %}
