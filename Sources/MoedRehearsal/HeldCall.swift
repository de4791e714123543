import MoedQueue

/// A call of a client on its own jobs, those of tenant `held`. Its transaction stays open.
struct HeldCall: Sendable {
    /// Functions of schema moed that it calls.
    var functions: Set<String>
    private var statement: String

    /// The call with tenants that no earlier call has added.
    func statement(_ number: Int) -> String { statement.replacing("'new", with: "'\(number) new") }

    private init(_ functions: String..., statement: String) {
        self.functions = Set(functions)
        self.statement = statement
    }

    /// Functions that `moed_client` may call, by the grants of `sql/roles.sql`.
    static let clientFunctions: Set<String> = {
        var names: Set<String> = []
        for grant in Migration.roles.sql.matches(of: #/GRANT EXECUTE ON FUNCTION([^;]*)\sTO\s([^;]*);/#)
        where grant.2.contains("moed_client") {
            names.formUnion(grant.1.matches(of: #/moed\.([a-z_0-9]+)/#).map { String($0.1) })
        }
        return names
    }()

    /// Client functions without a call below.
    static var missing: [String] {
        clientFunctions.subtracting(all.flatMap(\.functions)).sorted()
    }

    private static let mine = "FROM moed.jobs WHERE tenant = 'held'"

    static let all: [HeldCall] = enqueues + controls + reads

    private static let enqueues = [
        HeldCall("enqueue", "call_stamp", statement: "SELECT moed.enqueue('q', tenant => 'held')"),
        HeldCall("enqueue", statement: "SELECT moed.enqueue('q', tenant => 'held', model => 'brand-new')"),
        HeldCall(
            "enqueue", statement: "SELECT moed.enqueue('q', tenant => 'new'), moed.enqueue('q', tenant => 'newer')"),
        HeldCall("enqueue", statement: "SELECT moed.enqueue('q', tenant => 'held', idempotency_key => 'k')"),
        HeldCall(
            "insert_job",
            statement: "SELECT moed.insert_job(prompt => 'q', tenant => 'held', expires_at => now() + interval '1 s')"),
        HeldCall(
            "enqueue_many",
            statement: "SELECT moed.enqueue_many(ARRAY['{\"model\":\"brand-new\"}', '{}']::json[], tenant => 'new')"),
        HeldCall(
            "import_batch",
            statement: """
                SELECT moed.import_batch('held', '{"custom_id":"1","body":{"model":"newer"}}', tenant => 'newer')
                """),
        HeldCall(
            "begin_import", "import_part", "end_import",
            statement: """
                SELECT FROM moed.begin_import('held', 'new key', tenant => 'new') b,
                       moed.import_part(b.batch, 0, '{"custom_id":"1","body":{"model":"newer"}}'),
                       moed.end_import(b.batch)
                """),
        HeldCall(
            "ask", "summarise", "translate", "classify", "extract", "embed", "rerank", "search_query", "room_for",
            statement: """
                SELECT moed.ask('q', tenant => 'held', notify => true), moed.summarise('q', tenant => 'new'),
                       moed.translate('q', 'Dutch', tenant => 'held'), moed.classify('q', '{a}', tenant => 'held'),
                       moed.extract('q', '{}', tenant => 'newer'), moed.embed('q', tenant => 'held'),
                       moed.rerank('q', '{a,b}', tenant => 'held'), moed.search_query('q'), moed.room_for(1, NULL)
                """),
        HeldCall(
            statement: "INSERT INTO moed.jobs (prompt, tenant, model) VALUES ('q', 'held', 'x'), ('q', 'new', 'y')"),
    ]

    private static let controls = [
        HeldCall("cancel", statement: "SELECT moed.cancel(id) \(mine)"),
        HeldCall("cancel", statement: "SELECT moed.cancel(id) FROM moed.jobs WHERE state = 'running'"),
        HeldCall("cancel_jobs", statement: "SELECT moed.cancel_jobs(tenant => 'held')"),
        HeldCall("cancel_batch", statement: "SELECT moed.cancel_batch(id) FROM moed.batches WHERE tenant = 'held'"),
        HeldCall(
            "export_batch", "batch_output",
            statement: "SELECT moed.export_batch(id), moed.batch_output(id) FROM moed.batches"),
        HeldCall("wait", "why", statement: "SELECT moed.wait(id, '0 s'), moed.why(id) \(mine)"),
        HeldCall("wait_batch", statement: "SELECT moed.wait_batch(id, '0 s') FROM moed.batches"),
    ]

    private static let reads = [
        HeldCall(
            "json_member", "json_text", "json_number", "json_texts", "json_integers", "last_message",
            statement: """
                SELECT moed.json_member(request, 'messages'), moed.json_text(request, 'model'),
                       moed.json_number(request, 'max_tokens'), moed.json_texts(request, 'stop'),
                       moed.json_integers(request, 'stop_token_ids'), moed.last_message(request, 'user') \(mine)
                """),
        HeldCall(
            "answer", "classification", "extraction", "embedding", "relevance", "readable_json", "utc",
            statement: """
                SELECT moed.answer(id), moed.classification(id), moed.extraction(id), moed.embedding(id),
                       moed.relevance(id), moed.readable_json(request::text), moed.utc(now()) \(mine)
                """),
        HeldCall(
            "milliseconds", "decay", "caller", "own_tenant", "tenant_of_caller",
            statement: """
                SELECT moed.milliseconds(now(), now()), moed.decay('1 s'), moed.caller(), moed.own_tenant(),
                       moed.tenant_of_caller()
                """),
        HeldCall(
            statement: """
                SELECT count(*) FROM moed.jobs; SELECT * FROM moed.batches; SELECT * FROM moed.tenants;
                SELECT * FROM moed.usage_daily; SELECT * FROM moed.cost_daily; SELECT * FROM moed.queue_stats;
                SELECT * FROM moed.progress
                """),
        HeldCall(
            statement: """
                SELECT pg_advisory_lock(x'6d726573'::bigint), pg_advisory_lock(x'6d6f6564'::bigint);
                LISTEN moed_wake
                """),
    ]
}
