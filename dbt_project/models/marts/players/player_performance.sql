{{
    config(
        incremental_strategy='changed_keys',
        unique_key=['game', 'match_id', 'player_id'],
        meta={
            'facts': ['fct_faceit_player_maps'],
            'change_key': ['game', 'match_id'],
            'has_feed': true,
        },
        indexes=[{'columns': ['game', 'player_id', 'played_at']}]
    )
}}

with maps as (

    select * from {{ ref('fct_faceit_player_maps') }}
    where kills is not null
        and player_id is not null
        and {{ only_changed(['game', 'match_id']) }}

),

rated as (

    select
        game,
        match_id,
        player_id,
        played_at,
        map_id,
        is_win,
        is_draw,
        mode,
        is_significant,
        rounds,
        kills,
        deaths,
        assists,
        {{ kd_ratio('kills', 'deaths') }} as kd_ratio,
        {{ ratio('kills', 'rounds') }} as kills_per_round,
        damage,
        adr,
        headshots,
        {{ share_within('headshots', 'kills') }} as headshot_share,
        double_kills,
        triple_kills,
        quadro_kills,
        penta_kills,
        mvps,
        {%- for column in faceit_match_statistics().split() %}
        {{ column }},
        {%- endfor %}
        kast_share,
        -- The weights of both ratings are valid for five players on each side.
        cast(
            case
                when {{ is_standard_mode() }}
                    then {{ hltv_rating_1(
                        'kills', 'deaths', 'rounds', 'double_kills', 'triple_kills', 'quadro_kills', 'penta_kills'
                    ) }}
            end as numeric(18, 4)
        ) as hltv_rating_1,
        cast(
            case
                when {{ is_standard_mode() }}
                    then {{ hltv_rating_2('kast_share', 'kills', 'deaths', 'assists', 'rounds', 'adr') }}
            end as numeric(18, 4)
        ) as hltv_rating_2
    from maps

)

select * from rated
