{#
    CTE `series_modes`: the mode of each match. It follows from FACEIT's text if the text contains a code of the seed
    `mode_codes`; without a text, from the number of players of a side. A text without a code and a number of players
    that belongs to no mode are of the mode `other`.
#}
{% macro faceit_modes() %}
mode_texts as (

    select distinct
        game,
        mode_text
    from maps
    where mode_text is not null

),

-- The longest code in a text is the most specific one.
coded_texts as (

    select
        texts.game,
        texts.mode_text,
        codes.mode,
        row_number() over (
            partition by texts.game, texts.mode_text order by length(codes.code) desc, codes.code
        ) as row_rank
    from mode_texts as texts
    inner join {{ ref('mode_codes') }} as codes
        on texts.game = codes.game
            and texts.mode_text like '%' || codes.code || '%'

),

-- Awarded matches have rosters only.
side_sizes as (

    select
        series_id,
        side_players
    from slots
    union all
    select
        rosters.match_id as series_id,
        least(count(*), 5) as side_players
    from rosters
    where rosters.has_played
        and not exists (select 1 from slots where slots.series_id = rosters.match_id)
    group by rosters.match_id, rosters.faction

),

series_sizes as (

    select
        series_id,
        max(side_players) as side_players
    from side_sizes
    group by series_id

),

series_modes as (

    select
        played.series_id,
        case
            when played.mode_text is null then coalesce(sized.mode, 'other')
            else coalesce(coded.mode, 'other')
        end as mode
    from (
        select distinct
            series_id,
            game,
            mode_text,
            side_size
        from maps
    ) as played
    left join series_sizes on played.series_id = series_sizes.series_id
    left join coded_texts as coded
        on played.game = coded.game
            and played.mode_text = coded.mode_text
            and coded.row_rank = 1
    left join {{ ref('modes') }} as sized
        on played.game = sized.game
            and coalesce(played.side_size, series_sizes.side_players) = sized.side_size

)
{%- endmacro %}
