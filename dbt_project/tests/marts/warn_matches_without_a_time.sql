{{ config(severity='warn') }}
-- A start that cannot be one (before 1970, after 2099) keeps a match out of the facts.
select
    'player_matches' as staging_model,
    match_id
from {{ ref('stg_opendota__player_matches') }}
where played_at is null
union all
select
    'matches' as staging_model,
    match_id
from {{ ref('stg_opendota__matches') }}
where played_at is null
