{{ config(incremental_strategy='difference', unique_key=['game', 'character_id']) }}

with heroes as (

    select
        entry_id as character_id,
        {{ json_text('entry', 'localized_name') }} as character_name,
        {{ json_text('entry', 'name') }} as internal_name,
        {{ json_text('entry', 'primary_attr') }} as primary_attribute,
        {{ json_text('entry', 'attack_type') }} as attack_type,
        {{ json_value('entry', 'roles') }} as roles,
        {{ json_text('entry', 'img') }} as image_path
    from {{ ref('stg_opendota__constants') }}
    where resource = 'heroes'

),

hero_stats as (

    select
        cast(hero_id as text) as character_id,
        character_name,
        internal_name,
        primary_attribute,
        attack_type,
        roles
    from {{ ref('stg_opendota__hero_stats') }}

),

-- New heroes are played before the constants have them; 0 is an unknown hero.
played as (

    select character_id
    from {{ ref('int_character_totals') }}
    where game = {{ game('dota2') }}

),

known as (

    select character_id from heroes
    union
    select character_id from hero_stats
    union
    select character_id from played

),

described as (

    select
        {{ game('dota2') }} as game,
        known.character_id,
        case
            when known.character_id = '0' then 'Unknown'
            else coalesce(heroes.character_name, hero_stats.character_name, 'Hero ' || known.character_id)
        end as character_name,
        coalesce(heroes.internal_name, hero_stats.internal_name) as internal_name,
        coalesce(heroes.primary_attribute, hero_stats.primary_attribute) as primary_attribute,
        coalesce(heroes.attack_type, hero_stats.attack_type) as attack_type,
        coalesce(heroes.roles, hero_stats.roles) as roles,
        heroes.image_path
    from known
    left join heroes on known.character_id = heroes.character_id
    left join hero_stats on known.character_id = hero_stats.character_id

)

select * from described
