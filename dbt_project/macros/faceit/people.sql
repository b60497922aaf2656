{#
    A condition that filters ids to those of changed people, for an index look-up; true if the whole model is
    recomputed.

    column: the column with the Steam account or FACEIT player.
    kind: `steam` or `faceit`, the prefix of `person_id` for such ids.
#}
{% macro only_changed_people(column, kind) -%}
    {%- if reads_deltas() -%}
    {{ column }} in (
        select substring(person_id from {{ kind | length + 2 }}) from {{ changed_keys() }}
        where person_id like '{{ kind }}:%'
    )
    {%- else -%}
    true
    {%- endif -%}
{%- endmacro %}


{# People with changed players or accounts since `bridge_player_identities` was built. #}
{% macro people_of_changed_identities() %}
    select {{ by_player_id_kind('game', "'steam:' || player_id", "'faceit:' || player_id") }} as person_id
    from {{ changes_in(ref('dim_players')) }}
    union
    select 'faceit:' || player_id as person_id
    from {{ changes_in(ref('fct_player_accounts')) }}
    union
    select 'steam:' || steam_account_id as person_id
    from {{ changes_in(ref('fct_player_accounts')) }}
    union
    select 'steam:' || accounts.steam_account_id as person_id
    from {{ ref('fct_player_accounts') }} as accounts
    where (accounts.game, accounts.player_id) in (select game, player_id from {{ changes_in(ref('dim_players')) }})
{% endmacro %}


{# People with changed rows in `dim_players` since `dim_people` was built. #}
{% macro people_of_changed_players() %}
    select identities.person_id
    from {{ ref('bridge_player_identities') }} as identities
    where (identities.game, identities.player_id) in (select game, player_id from {{ changes_in(ref('dim_players')) }})
{% endmacro %}


{# People with changed rows in `dim_players` or `fct_player_matches` since `person_profiles` was built. #}
{% macro people_of_changed_matches() %}
    {{ people_of_changed_players() }}
    union
    select identities.person_id
    from {{ ref('bridge_player_identities') }} as identities
    where (identities.game, identities.player_id) in (
        select game, player_id from {{ changes_in(ref('fct_player_matches')) }}
    )
{% endmacro %}
