-- Held alone while a publication replaces the views, shared by checks for damage: a check during that time would find
-- half of the views.
SET LOCAL ROLE ladder_owner;

CREATE TABLE ops.turn_lock ();
COMMENT ON TABLE ops.turn_lock IS
'Locked while views are replaced (ACCESS EXCLUSIVE) and while marts are checked (ACCESS SHARE); never has a row';

GRANT SELECT ON ops.turn_lock TO ladder_transform, ladder_ingest, ladder_serving;
GRANT SELECT, UPDATE ON ops.turn_lock TO ladder_marts_owner;
