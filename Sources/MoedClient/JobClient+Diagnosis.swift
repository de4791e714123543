package import MoedCore
import MoedPostgres

/// Facts that help to find a fault from afar. Nothing of it is a text of a job, a name of a tenant, or a secret.
extension JobClient {
    package struct DiagnosisPart: Sendable, Equatable {
        package var title: String
        package var rows: [JSONObject]
    }

    /// All parts. One that this role may not read, or that takes too long, has a row with the error in its place.
    package func diagnosis() async -> [DiagnosisPart] {
        var parts: [DiagnosisPart] = []
        for (title, statement) in Self.statements {
            do throws(DatabaseError) {
                parts.append(DiagnosisPart(title: title, rows: try await objects(statement)))
            } catch {
                parts.append(DiagnosisPart(title: title, rows: [JSONObject([("error", .string("\(error)"))])]))
            }
        }
        return parts
    }

    private static var statements: [(String, SQL)] {
        [
            ("database", server), ("settings of the database", serverSettings), ("migrations", migrations),
            ("health", health), ("workers", workers), ("queue", queue), ("attempts of a day", attempts),
            ("failures of a week", failures), ("models", models), ("tables", tables),
            ("old transactions", transactions),
        ]
    }

    private static var server: SQL {
        """
        SELECT current_setting('server_version') AS version, current_setting('server_encoding') AS encoding,
               pg_database_size(current_database()) AS bytes, pg_is_in_recovery() AS standby,
               extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())::bigint AS up_seconds,
               (SELECT count(*) FROM pg_stat_activity a WHERE a.datname = current_database()) AS connections
        """
    }

    private static var serverSettings: SQL {
        """
        SELECT s.name, s.setting, s.unit, s.source FROM pg_settings s
         WHERE s.name IN ('max_connections', 'shared_buffers', 'work_mem', 'synchronous_commit', 'fsync', 'autovacuum',
           'jit', 'statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'max_wal_size',
           'default_transaction_isolation', 'autovacuum_naptime', 'max_prepared_transactions', 'wal_level', 'TimeZone')
         ORDER BY s.name
        """
    }

    private static var migrations: SQL {
        """
        SELECT version, name, left(checksum, 12) AS checksum, moed.utc(applied_at) AS applied
          FROM moed.migration ORDER BY version
        """
    }

    private static var health: SQL {
        """
        SELECT workers_alive, jobs_running, extract(epoch FROM oldest_queued_age)::bigint AS oldest_queued_seconds,
               dead_job_rows, extract(epoch FROM oldest_transaction_age)::bigint AS oldest_transaction_seconds,
               notify_queue_usage, cardinality(paused) AS pauses, cardinality(over_budget) AS over_budget,
               unserved_models, prepared_transactions, replication_slots, oldest_snapshot_transactions,
               cardinality(stuck_workers) AS stuck_workers
          FROM moed.health
        """
    }

    private static var workers: SQL {
        """
        SELECT id, version, array_to_string(models, ', ') AS models, state, jobs, tokens_per_second,
               extract(epoch FROM clock_timestamp() - started_at)::bigint AS age_seconds,
               extract(epoch FROM clock_timestamp() - seen_at)::bigint AS seen_seconds
          FROM moed.workers ORDER BY id DESC LIMIT 50
        """
    }

    private static var queue: SQL {
        """
        SELECT model, mode, bucket, state, jobs, extract(epoch FROM oldest_age)::bigint AS oldest_seconds
          FROM moed.queue_stats ORDER BY 1, 2, 3, 4 LIMIT 200
        """
    }

    private static var attempts: SQL {
        """
        SELECT outcome, error_code, count(*) AS attempts,
               round(avg(extract(epoch FROM ended_at - started_at))::numeric, 1) AS mean_seconds
          FROM moed.job_attempt WHERE ended_at > clock_timestamp() - interval '1 day'
         GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 50
        """
    }

    private static var failures: SQL {
        """
        SELECT r.error_code, count(*) AS jobs, moed.utc(max(j.finished_at)) AS latest
          FROM moed.job j JOIN moed.job_result r ON r.job_id = j.id
         WHERE j.state = 'failed' AND j.finished_at > clock_timestamp() - interval '7 days'
         GROUP BY 1 ORDER BY 2 DESC LIMIT 50
        """
    }

    private static var models: SQL {
        """
        SELECT id, name, registered_at IS NOT NULL AS served, paused_at IS NOT NULL AS paused
          FROM moed.model ORDER BY id LIMIT 100
        """
    }

    private static var tables: SQL {
        """
        SELECT s.relname AS name, s.n_live_tup AS rows, s.n_dead_tup AS dead_rows,
               pg_total_relation_size(s.relid) AS bytes,
               extract(epoch FROM clock_timestamp() - s.last_autovacuum)::bigint AS vacuum_seconds,
               extract(epoch FROM clock_timestamp() - s.last_autoanalyze)::bigint AS analyze_seconds
          FROM pg_stat_user_tables s WHERE s.schemaname = 'moed' ORDER BY pg_total_relation_size(s.relid) DESC
        """
    }

    private static var transactions: SQL {
        """
        SELECT a.pid, a.state, a.wait_event_type, a.wait_event,
               extract(epoch FROM clock_timestamp() - a.xact_start)::bigint AS seconds
          FROM pg_stat_activity a
         WHERE a.datname = current_database() AND a.xact_start < clock_timestamp() - interval '10 s'
         ORDER BY a.xact_start LIMIT 20
        """
    }
}
