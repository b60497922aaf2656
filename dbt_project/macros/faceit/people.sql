{#
    A condition that narrows ids to those of changed people, where an index leads to the rows; true, where the model is
    computed whole. A person is named by a Steam account, or else by a FACEIT player.
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


{# People whose players or accounts have changed since `bridge_player_identities` was built. #}
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


{# People whose players are described otherwise since `dim_people` was built. #}
{% macro people_of_changed_players() %}
    select identities.person_id
    from {{ ref('bridge_player_identities') }} as identities
    where (identities.game, identities.player_id) in (select game, player_id from {{ changes_in(ref('dim_players')) }})
{% endmacro %}


{# People whose players are described otherwise, or have played, since `person_profiles` was built. #}
{% macro people_of_changed_matches() %}
    {{ people_of_changed_players() }}
    union
    select identities.person_id
    from {{ ref('bridge_player_identities') }} as identities
    where (identities.game, identities.player_id) in (
        select game, player_id from {{ changes_in(ref('fct_player_matches')) }}
    )
{% endmacro %}
