-- Statements that transfer the privileges of roles in this database to other roles: the role that executes them (null
-- for the administrator), GRANT, REVOKE.
WITH roles AS (
    SELECT old_role.oid AS old_oid, old_role.rolname AS old, new
    FROM unnest(%(old)s::text[], %(new)s::text[]) AS pairs (old, new)
    JOIN pg_roles AS old_role ON old_role.rolname = pairs.old
),

granted AS (
    SELECT
        CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind, format('%%I.%%I', n.nspname, c.relname) AS object,
        '' AS part, c.relowner AS owner, acl.*
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    CROSS JOIN aclexplode(c.relacl) AS acl
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    UNION ALL
    SELECT 'TABLE', format('%%I.%%I', n.nspname, c.relname), format(' (%%I)', a.attname), c.relowner, acl.*
    FROM pg_attribute AS a
    JOIN pg_class AS c ON c.oid = a.attrelid
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    CROSS JOIN aclexplode(a.attacl) AS acl
    WHERE NOT a.attisdropped
    UNION ALL
    SELECT 'SCHEMA', format('%%I', nspname), '', nspowner, acl.* FROM pg_namespace CROSS JOIN aclexplode(nspacl) AS acl
    UNION ALL
    SELECT 'ROUTINE', p.oid::regprocedure::text, '', proowner, acl.* FROM pg_proc AS p CROSS JOIN aclexplode(proacl) AS acl
    UNION ALL
    SELECT 'DATABASE', format('%%I', datname), '', datdba, acl.*
    FROM pg_database CROSS JOIN aclexplode(datacl) AS acl
    WHERE datname = current_database()
)

SELECT
    pg_get_userbyid(g.owner),
    format(
        'GRANT %%s ON %%s %%s TO %%I%%s', string_agg(privilege_type || part, ', '), kind, object, new,
        CASE WHEN is_grantable THEN ' WITH GRANT OPTION' END
    ),
    format('REVOKE %%s ON %%s %%s FROM %%I', string_agg(privilege_type || part, ', '), kind, object, old)
FROM granted AS g
JOIN roles ON roles.old_oid = g.grantee
WHERE pg_has_role(current_user, g.owner, 'MEMBER')
GROUP BY g.owner, kind, object, old, new, is_grantable
UNION ALL
-- Default privileges on future objects of an owner, which REASSIGN OWNED does not transfer.
SELECT
    NULL,
    format(
        'ALTER DEFAULT PRIVILEGES FOR ROLE %%I IN SCHEMA %%I GRANT %%s ON TABLES TO %%I',
        owners.new, n.nspname, acl.privilege_type, coalesce(roles.new, pg_get_userbyid(acl.grantee))
    ),
    format(
        'ALTER DEFAULT PRIVILEGES FOR ROLE %%I IN SCHEMA %%I REVOKE %%s ON TABLES FROM %%I',
        owners.old, n.nspname, acl.privilege_type, pg_get_userbyid(acl.grantee)
    )
FROM pg_default_acl AS d
JOIN roles AS owners ON owners.old_oid = d.defaclrole
JOIN pg_namespace AS n ON n.oid = d.defaclnamespace
CROSS JOIN aclexplode(d.defaclacl) AS acl
LEFT JOIN roles ON roles.old_oid = acl.grantee
WHERE d.defaclobjtype = 'r'
