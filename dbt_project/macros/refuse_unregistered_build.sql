{#
    At the start of each run: a colour is built by `ladder` alone. Each of its builds holds the build lock (0x1ADDE3, see
    warehouse/locks.py) and, in the same session, a lock of its own, whose name is passed in LADDER_BUILD.
#}
{% macro refuse_unregistered_build() %}
    {%- if execute and not is_dev() and flags.WHICH in ('build', 'run', 'seed', 'snapshot', 'test') -%}
        {%- set registered -%}
        select 1
        from pg_locks as own
        inner join pg_locks as build using (pid, database)
        where own.locktype = 'advisory' and own.granted
            and (cast(own.classid as bigint) << 32) + cast(own.objid as bigint)
            = hashtextextended('{{ colour() }}:{{ env_var("LADDER_BUILD", "") }}', 0)
            and build.locktype = 'advisory' and build.granted
            and build.classid = 0 and build.objid = {{ 0x1ADDE3 }}
            and own.database = (select oid from pg_database where datname = current_database())
        {%- endset -%}
        {%- if not run_query(registered).rows -%}
            {{ exceptions.raise_compiler_error(
                colour() ~ " is built by `ladder run` and `ladder verify` alone: leave out the target to build in your own schema"
            ) }}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}
