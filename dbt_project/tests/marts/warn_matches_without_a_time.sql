{{ config(severity='warn') }}
-- A match without a valid time counts in totals over all time, and belongs to no day, patch or window.
select
    'player_matches' as staging_model,
    cast(match_id as text) as match_id
from {{ ref('stg_opendota__player_matches') }}
where played_at is null
union all
select
    'matches' as staging_model,
    cast(match_id as text) as match_id
from {{ ref('stg_opendota__matches') }}
where played_at is null
union all
select
    'history_matches' as staging_model,
    match_id
from {{ ref('stg_faceit__history_matches') }}
where status = 'finished' and coalesce(started_at, finished_at) is null
union all
select
    'faceit_matches' as staging_model,
    match_id
from {{ ref('stg_faceit__matches') }}
where status = 'finished' and coalesce(started_at, finished_at) is null
