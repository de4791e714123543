import MoedPostgres
import TestSupport

/// The catalog of a database: a line `kind | object | definition` for each.
enum Catalog {
    /// Kinds of objects that one query reads.
    enum Part: CaseIterable {
        case relations, columns, constraintsAndIndexes, functions, typesAndSequences, rules, everything, rows

        fileprivate var query: SQL {
            switch self {
            case .relations: Catalog.relations
            case .columns: Catalog.columns
            case .constraintsAndIndexes: Catalog.constraintsAndIndexes
            case .functions: Catalog.functions
            case .typesAndSequences: Catalog.typesAndSequences
            case .rules: Catalog.rules
            case .everything: Catalog.everything
            case .rows: Catalog.rows
            }
        }
    }

    static func lines(_ database: TestDatabase, _ parts: [Part] = Part.allCases) async throws -> Set<String> {
        var lines: Set<String> = []
        for part in parts {
            for row in try await database.query(part.query) {
                let words = try ["kind", "object", "definition"].map { try row.value($0, as: String.self) }
                lines.insert(words.joined(separator: " | "))
            }
        }
        return lines
    }

    /// Tables, views, indexes and sequences as relations; the schema itself.
    private static let relations: SQL = """
        SELECT 'relation' AS kind, c.oid::regclass::text AS object,
               concat_ws(', ', c.relkind, c.relpersistence, 'options', c.reloptions, 'toast', t.reloptions,
                         'security', c.relrowsecurity, c.relforcerowsecurity, 'replica', c.relreplident,
                         'owner', c.relowner::regrole, 'acl', coalesce(c.relacl::text, 'none'), 'tablespace', c.reltablespace,
                         'method', a.amname, 'inherits', c.relhassubclass, c.relispartition) AS definition
          FROM pg_class c LEFT JOIN pg_class t ON t.oid = c.reltoastrelid LEFT JOIN pg_am a ON a.oid = c.relam
         WHERE c.relnamespace = 'moed'::regnamespace
        UNION ALL
        SELECT 'schema', n.nspname, concat_ws(', ', n.nspowner::regrole, coalesce(n.nspacl::text, 'none'))
          FROM pg_namespace n WHERE n.nspname = 'moed'
        UNION ALL
        SELECT 'view', v.oid::regclass::text, pg_get_viewdef(v.oid)
          FROM pg_class v WHERE v.relnamespace = 'moed'::regnamespace AND v.relkind IN ('v', 'm')
        """

    private static let columns: SQL = """
        SELECT 'column' AS kind, c.oid::regclass || '.' || a.attname AS object,
               concat_ws(', ', a.attnum, format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'not null' END,
                         'default ' || pg_get_expr(d.adbin, d.adrelid), 'identity', a.attidentity, 'generated', a.attgenerated,
                         'storage', a.attstorage, a.attcompression, 'statistics', a.attstattarget,
                         'collation', a.attcollation::regcollation, 'options', a.attoptions, 'acl', a.attacl) AS definition
          FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
          LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
         WHERE c.relnamespace = 'moed'::regnamespace AND NOT a.attisdropped
        """

    private static let constraintsAndIndexes: SQL = """
        SELECT 'constraint' AS kind, coalesce(nullif(c.conrelid, 0)::regclass::text, 'domain') || '.' || c.conname AS object,
               concat_ws(', ', pg_get_constraintdef(c.oid), c.convalidated, c.condeferrable, c.condeferred, c.connoinherit)
                 AS definition
          FROM pg_constraint c WHERE c.connamespace = 'moed'::regnamespace
        UNION ALL
        SELECT 'index', i.indexrelid::regclass::text,
               concat_ws(', ', pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisready, i.indisprimary, i.indisunique,
                         i.indimmediate, i.indisclustered, i.indisreplident)
          FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relnamespace = 'moed'::regnamespace
        UNION ALL
        SELECT 'trigger', t.tgrelid::regclass || '.' || t.tgname, concat_ws(', ', pg_get_triggerdef(t.oid), t.tgenabled)
          FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
         WHERE c.relnamespace = 'moed'::regnamespace AND NOT t.tgisinternal
        UNION ALL
        SELECT 'trigger of a constraint', t.tgrelid::regclass || '.' || k.conname || ' ' || t.tgfoid::regproc, t.tgenabled::text
          FROM pg_trigger t JOIN pg_constraint k ON k.oid = t.tgconstraint
         WHERE k.connamespace = 'moed'::regnamespace AND t.tgisinternal
        """

    /// The source is compared as it stands, blanks and comments included.
    private static let functions: SQL = """
        SELECT 'function' AS kind, p.oid::regprocedure::text AS object,
               concat_ws(', ', pg_get_function_arguments(p.oid), pg_get_function_result(p.oid), l.lanname, p.prokind,
                         p.provolatile, p.proparallel, 'definer', p.prosecdef, 'leakproof', p.proleakproof, 'strict', p.proisstrict,
                         'cost', p.procost, p.prorows, p.prosupport::oid, 'config', p.proconfig, 'owner', p.proowner::regrole,
                         'acl', coalesce(p.proacl::text, 'none'), p.prosrc, p.probin, pg_get_function_sqlbody(p.oid)) AS definition
          FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang WHERE p.pronamespace = 'moed'::regnamespace
        """

    private static let typesAndSequences: SQL = """
        SELECT 'type' AS kind, t.oid::regtype::text AS object,
               concat_ws(', ', t.typtype, t.typcategory, 'owner', t.typowner::regrole, 'acl', coalesce(t.typacl::text, 'none'),
                         t.typnotnull, t.typdefault, (SELECT string_agg(e.enumlabel, ' < ' ORDER BY e.enumsortorder)
                                                       FROM pg_enum e WHERE e.enumtypid = t.oid)) AS definition
          FROM pg_type t WHERE t.typnamespace = 'moed'::regnamespace
        UNION ALL
        SELECT 'sequence', s.seqrelid::regclass::text,
               concat_ws(', ', format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement, s.seqmax, s.seqmin, s.seqcache, s.seqcycle,
                         (SELECT d.refobjid::regclass || '.' || d.refobjsubid FROM pg_depend d
                           WHERE d.objid = s.seqrelid AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0))
          FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid WHERE c.relnamespace = 'moed'::regnamespace
        """

    private static let rules: SQL = """
        SELECT 'policy' AS kind, p.tablename || '.' || p.policyname AS object,
               concat_ws(', ', p.permissive, p.roles, p.cmd, 'using', p.qual, 'check', p.with_check) AS definition
          FROM pg_policies p WHERE p.schemaname = 'moed'
        UNION ALL
        SELECT 'rule', r.ev_class::regclass || '.' || r.rulename, concat_ws(', ', pg_get_ruledef(r.oid), r.ev_enabled)
          FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class WHERE c.relnamespace = 'moed'::regnamespace
        UNION ALL
        SELECT 'publication', p.pubname, concat_ws(', ', p.puballtables, (SELECT string_agg(t.tablename, ' ' ORDER BY t.tablename)
                 FROM pg_publication_tables t WHERE t.pubname = p.pubname))
          FROM pg_publication p
        UNION ALL
        SELECT 'statistics', s.oid::text, pg_get_statisticsobjdef(s.oid) FROM pg_statistic_ext s
        """

    /// Comments, and every object of any kind and schema that is not built in. Triggers of foreign keys have numbers
    /// for names; they are listed with the triggers of constraints.
    private static let everything: SQL = """
        SELECT 'comment' AS kind, i.type || ' ' || i.identity AS object, d.description AS definition
          FROM pg_description d CROSS JOIN LATERAL pg_identify_object(d.classoid, d.objoid, d.objsubid) i
         WHERE d.objoid >= 16384
        UNION ALL
        SELECT DISTINCT 'object', i.type, i.identity
          FROM pg_depend d CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, 0) i
         WHERE d.objid >= 16384 AND i.schema IS DISTINCT FROM 'pg_toast' AND i.identity NOT LIKE '%pg_toast.%'
           AND i.identity NOT LIKE '"RI_ConstraintTrigger%'
        """

    /// Rows that the schema begins with.
    private static let rows: SQL = """
        SELECT 'row' AS kind, 'moed.tenant' AS object,
               concat_ws(', ', id, name, weight, max_running, paused_at, db_role, tokens_per_day) AS definition FROM moed.tenant
        UNION ALL
        SELECT 'row', 'moed.model', concat_ws(', ', id, name, registered_at IS NOT NULL, paused_at) FROM moed.model
        UNION ALL
        SELECT 'row', 'moed.control', concat_ws(', ', id, paused_at) FROM moed.control
        """
}
