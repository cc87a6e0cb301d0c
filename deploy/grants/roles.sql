-- The database roles of Lethe's processes. Run this once, as a superuser, on the ledger's database:
--
--     psql -v ON_ERROR_STOP=1 -d lethe -f deploy/grants/roles.sql
--
-- On a ledger that exists already: stop all processes; start them again with their new URLs after ledger.sql. Its tables
-- get lethe_migrate as their owner. Other roles lose the right to connect to this database, also the one that the
-- processes use now.
--
-- The ledger has a database of its own. The roles get no password here: `\password lethe_api` in psql sets one, and
-- sends only its hash. ledger.sql gives each role its rights on tables. Both files may run again at any time.
-- docs/src/operate/database-roles.md has all steps.

BEGIN;

DO $$
DECLARE
    role_name TEXT;
BEGIN
    -- lethe_migrate owns the tables: `lethe migrate`. lethe_api and lethe_worker: the processes of these names.
    -- lethe_retention: `lethe forget-audit`.
    FOREACH role_name IN ARRAY ARRAY['lethe_migrate', 'lethe_api', 'lethe_worker', 'lethe_retention'] LOOP
        IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = role_name) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', role_name);
        END IF;
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), role_name);
    END LOOP;
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
END
$$;

-- Before version 15, PostgreSQL let every role create tables here.
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO lethe_migrate;
GRANT USAGE ON SCHEMA public TO lethe_api, lethe_worker, lethe_retention;

-- The tables of an earlier `lethe migrate`: those of the role that ran it. A table of another role is not the ledger's.
DO $$
DECLARE
    table_name TEXT;
BEGIN
    FOR table_name IN
        SELECT c.relname FROM pg_class c JOIN pg_class m ON m.relowner = c.relowner AND m.relnamespace = c.relnamespace
        WHERE m.relname = '_sqlx_migrations' AND m.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
    LOOP
        EXECUTE format('ALTER TABLE public.%I OWNER TO lethe_migrate', table_name);
    END LOOP;
END
$$;

COMMIT;
