-- Where dbt builds (two colours) and what readers see (marts).
CREATE SCHEMA IF NOT EXISTS prep AUTHORIZATION ladder_marts_owner;
CREATE SCHEMA IF NOT EXISTS marts_blue AUTHORIZATION ladder_marts_owner;
CREATE SCHEMA IF NOT EXISTS marts_green AUTHORIZATION ladder_marts_owner;
CREATE SCHEMA IF NOT EXISTS marts_scratch AUTHORIZATION ladder_marts_owner;
CREATE SCHEMA IF NOT EXISTS marts AUTHORIZATION ladder_marts_owner;
COMMENT ON SCHEMA prep IS 'Staging and intermediate models of dbt';
COMMENT ON SCHEMA marts_blue IS 'One of the two places where marts are built; read the views in marts';
COMMENT ON SCHEMA marts_green IS 'One of the two places where marts are built; read the views in marts';
COMMENT ON SCHEMA marts_scratch IS 'Where `ladder verify` rebuilds marts to compare them; empty otherwise';
COMMENT ON SCHEMA marts IS 'What analysts and applications read: views on the published generation';

GRANT USAGE ON SCHEMA marts TO ladder_analyst, ladder_serving;
