import MoedCore
import MoedPostgres
import MoedQueue
import TestSupport
import Testing

/// The role that counts: a member of a tenant's role, the owner of a wrapper with SECURITY DEFINER, never a claimed one.
@Suite(.serialized, .enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct CallingRoleTests {
    private func value(_ house: RolesHouse, _ name: String, _ expression: String) async throws -> String? {
        let connection = try await house.connect(name)
        defer { Task { await connection.close() } }
        return try await connection.query(SQL(stringLiteral: "SELECT (\(expression))::text AS value")).rows
            .first?
            .optional("value")
    }

    private func message(_ house: RolesHouse, _ name: String, _ statement: String) async throws -> String {
        let connection = try await house.connect(name)
        defer { Task { await connection.close() } }
        do {
            try await connection.run(script: statement)
            return ""
        } catch {
            return error.message
        }
    }

    @Test func membersOfATenantsRoleHaveThatTenant() async throws {
        let house = try await RolesHouse()
        let prefix = house.prefix
        try await house.queue.database.run(
            script: """
                CREATE ROLE \(prefix)_team; CREATE ROLE \(prefix)_crew; GRANT moed_client TO \(prefix)_team, \(prefix)_crew;
                CREATE ROLE \(prefix)_amy LOGIN IN ROLE \(prefix)_team; CREATE ROLE \(prefix)_ben LOGIN IN ROLE \(prefix)_team;
                CREATE ROLE \(prefix)_dual LOGIN IN ROLE \(prefix)_team, \(prefix)_crew;
                GRANT \(prefix)_team TO \(prefix)_alice;
                INSERT INTO moed.tenant (name, db_role) VALUES ('team', '\(prefix)_team'), ('crew', '\(prefix)_crew')
                """)
        let enqueue = "SELECT moed.enqueue(prompt => 'x')"
        let tenants = "SELECT string_agg(DISTINCT tenant, ',') || ' ' || count(*) FROM moed.jobs"
        for name in ["amy", "ben", "alice"] {
            #expect(try await house.refusal(name, enqueue) == nil, "\(name)")
        }
        #expect(try await value(house, "amy", tenants) == "team 2")
        #expect(try await value(house, "ben", "SELECT string_agg(name, ',') FROM moed.tenants") == "team")
        // A role with a tenant of its own has that one.
        #expect(try await value(house, "alice", tenants) == "a 1")
        // Members of several are told so, when they write and when they read.
        for statement in [enqueue, "SELECT * FROM moed.jobs"] {
            #expect(
                try await message(house, "dual", statement)
                    == "role \"\(prefix)_dual\" is a member of the roles of several tenants: "
                    + "\"crew\" (role \(prefix)_crew), \"team\" (role \(prefix)_team)")
        }
        #expect(try await house.refusal("dual", "SET ROLE \(prefix)_crew; \(enqueue)") == nil)
        try await house.close()
    }

    /// Functions that an application's owner offers to roles without any right on moed.
    private func wrap(_ house: RolesHouse) async throws {
        let prefix = house.prefix
        try await house.queue.database.run(
            script: """
                CREATE ROLE \(prefix)_web LOGIN; CREATE ROLE \(prefix)_owner; GRANT moed_client TO \(prefix)_owner;
                INSERT INTO moed.tenant (name, db_role) VALUES ('app', '\(prefix)_owner');
                CREATE SCHEMA app AUTHORIZATION \(prefix)_owner; GRANT USAGE ON SCHEMA app TO PUBLIC;
                SET ROLE \(prefix)_owner;
                CREATE FUNCTION app.ask(text) RETURNS bigint LANGUAGE sql SECURITY DEFINER
                  AS 'SELECT moed.enqueue(prompt => $1)';
                CREATE FUNCTION app.insert(text) RETURNS bigint LANGUAGE sql SECURITY DEFINER
                  AS 'INSERT INTO moed.jobs (prompt) VALUES ($1) RETURNING id';
                CREATE FUNCTION app.many(text) RETURNS bigint LANGUAGE sql SECURITY DEFINER
                  AS 'SELECT moed.enqueue_many(ARRAY[json_build_object(''messages'', $1)])';
                CREATE FUNCTION app.import(text) RETURNS uuid LANGUAGE sql SECURITY DEFINER
                  AS 'SELECT moed.import_batch(''b'', ''{"custom_id":"c","body":{"messages":[]}}'')';
                CREATE FUNCTION app.stop(bigint) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT moed.cancel($1)';
                CREATE FUNCTION app.seen() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM moed.jobs';
                CREATE FUNCTION app.named(text) RETURNS bigint LANGUAGE sql SECURITY DEFINER
                  AS 'SELECT moed.enqueue(prompt => ''x'', tenant => $1)';
                CREATE TABLE app.document (body text, job bigint);
                GRANT INSERT, SELECT ON app.document TO PUBLIC;
                CREATE FUNCTION app.enqueue_document() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
                BEGIN
                  NEW.job := moed.enqueue(prompt => NEW.body);
                  RETURN NEW;
                END $$;
                CREATE TRIGGER enqueue BEFORE INSERT ON app.document FOR EACH ROW EXECUTE FUNCTION app.enqueue_document();
                RESET ROLE
                """)
    }

    @Test func theOwnerOfAWrapperCounts() async throws {
        let house = try await RolesHouse()
        try await wrap(house)
        var jobs = 0
        // A stranger, another tenant, a client without one, an operator: the job is always the owner's.
        for name in ["web", "alice", "homeless", "olga", "stranger"] {
            for call in ["ask('x')", "insert('x')", "many('x')", "import('x')"] {
                #expect(try await house.refusal(name, "SELECT app.\(call)") == nil, "\(name) \(call)")
            }
            #expect(try await house.refusal(name, "INSERT INTO app.document VALUES ('x')") == nil, "\(name)")
            jobs += 5
            let rows = try await house.queue.database.query(
                "SELECT DISTINCT tenant, count(*) OVER () AS jobs FROM moed.jobs GROUP BY tenant, id")
            #expect(try rows.map { try $0.value("tenant", as: String.self) } == ["app"], "\(name)")
            #expect(try await value(house, name, "app.seen()") == "\(jobs)", "\(name)")
        }
        // An operator who calls it has no more rights in it than the owner.
        let other = try #require(
            try await value(house, "alice", "moed.enqueue(prompt => 'hers')"))
        #expect(try await value(house, "olga", "app.stop(\(other))") == "unknown")
        #expect(try await house.refusal("olga", "SELECT app.named('a')") == RolesHouse.denied)
        #expect(try await value(house, "web", "app.stop(1)") == "cancelled")
        // A wrapper of an owner without a tenant says whose tenant is missing.
        try await house.queue.database.run(script: "UPDATE moed.tenant SET db_role = NULL WHERE name = 'app'")
        #expect(
            try await message(house, "alice", "SELECT app.ask('x')")
                == "role \"\(house.prefix)_owner\" has no tenant")
        try await house.close()
    }

    /// Nobody can pass the value of another role, of another transaction, or none.
    @Test func aRoleCannotBeClaimed() async throws {
        let house = try await RolesHouse()
        try await wrap(house)
        let bob = "\(house.prefix)_bob"
        let his = try #require(try await value(house, "bob", "moed.enqueue(prompt => 'his')"))
        for claim in [
            "'\(bob)'", "moed.call_stamp('\(bob)')", "moed.call_stamp('\(house.prefix)_olga')",
            "moed.call_stamp('postgres')", "(ARRAY[moed.call_stamp('\(bob)')]::moed.acting_role[])[1]",
            "(json_populate_record(NULL::public.pair, json_build_object('r', moed.call_stamp('\(bob)')))).r",
        ] {
            try await house.queue.database.run(
                script:
                    "CREATE TYPE public.pair AS (r moed.acting_role); GRANT USAGE ON TYPE public.pair TO PUBLIC"
            )
            for call in [
                "cancel(\(his), %)", "enqueue(prompt => 'x', caller => %)", "why(\(his), %)",
                "tenant_of_caller(%)",
            ] {
                let statement = "SELECT moed.\(call.replacing("%", with: claim))"
                #expect(try await house.refusal("alice", statement) == "23514", "\(statement)")
            }
            try await house.queue.database.run(script: "DROP TYPE public.pair")
        }
        for none in ["NULL", "NULL::moed.acting_role"] {
            #expect(
                try await house.refusal("alice", "SELECT moed.cancel(\(his), \(none))") == RolesHouse.denied)
        }
        // A value that bob keeps for alice is of no use after his transaction.
        #expect(
            try await house.refusal(
                "bob",
                """
                CREATE TABLE app.kept AS SELECT moed.call_stamp(current_user)::moed.acting_role AS r
                """) == RolesHouse.denied)
        try await house.queue.database.run(script: "GRANT CREATE ON SCHEMA app TO \(bob)")
        #expect(
            try await house.refusal(
                "bob",
                """
                CREATE TABLE app.kept AS SELECT moed.call_stamp(current_user)::moed.acting_role AS r;
                GRANT SELECT ON app.kept TO PUBLIC
                """) == nil)
        #expect(
            try await house.refusal("alice", "SELECT moed.cancel(\(his), r) FROM app.kept")
                == RolesHouse.denied)
        #expect(try await house.queue.state(.init(Int64(his) ?? 0)) == "queued")
        try await house.close()
    }
}
