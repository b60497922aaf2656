{#
    On-run-start hook: only `ladder` builds a colour. During its builds one session holds the build lock
    `ops.build_lock` (warehouse/database/locks.py); its application name contains the process id of the building
    session. The building session is named by colour and registration, which LADDER_BUILD passes.
#}
{% macro require_registered_build() %}
    {%- if execute and not is_dev() and flags.WHICH in ('build', 'run', 'seed', 'snapshot', 'test') -%}
        {%- set registered -%}
        select 1
        from pg_locks as build
        inner join pg_stat_activity as holder on holder.pid = build.pid
        inner join pg_stat_activity as own on starts_with(holder.application_name, 'building with ' || own.pid || ':')
        where build.locktype = 'relation' and build.granted and build.mode = 'ExclusiveLock'
            and build.relation = cast('ops.build_lock' as regclass)
            and build.database = (select oid from pg_database where datname = current_database())
            and own.datname = current_database()
            and own.application_name = '{{ colour() }}:{{ env_var("LADDER_BUILD", "") }}'
        {%- endset -%}
        {%- if not run_query(registered).rows -%}
            {{ exceptions.raise_compiler_error(
                colour() ~ " is built by `ladder run` and `ladder verify` alone: "
                ~ "leave out the target to build in your own schema"
            ) }}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}
