package import MoedPostgres

/// Batches that are imported part by part.
extension JobClient {
    /// The members of a new batch. A nil member leaves the choice to the database.
    package struct NewImport: Sendable {
        package var name: String
        /// The same tenant and key continue a batch that was begun.
        package var key: String
        package var tenant: String?
        package var priority: Int?
        /// Seconds in which its jobs must end.
        package var window: Double?
        package var reasoning: String?
        package var model: String?
        /// Most that its requests to endpoints outside of the house may cost, as a decimal number; nil is no limit.
        package var moneyMax: String?

        package init(name: String, key: String) {
            self.name = name
            self.key = key
        }
    }

    /// A batch whose import was begun, by this call or an earlier one.
    package struct BegunImport: Sendable, Equatable {
        package var batch: String
        package var nextPart: Int
        /// False when the batch has all of its lines.
        package var isOpen: Bool
    }

    /// Counts of a batch, from `moed.batches`.
    package struct BatchProgress: Sendable, Equatable {
        package var status: String
        package var lines: Int
        package var unfinished: Int
        package var completed: Int
        package var lineErrors: Int

        /// True when nothing of the batch will change any more.
        package var hasEnded: Bool { ["completed", "failed", "cancelled"].contains(status) }
    }

    package func beginImport(_ new: NewImport) async throws(DatabaseError) -> BegunImport {
        let rows = try await rows(
            """
            SELECT batch::text AS batch, coalesce(next_part, 0) AS next_part, is_open FROM moed.begin_import(
              name => \(new.name), import_key => \(new.key), tenant => \(new.tenant),
              priority => \(new.priority)::numeric,
              completion_window => make_interval(secs => \(new.window)), reasoning => \(new.reasoning),
              model => \(new.model), money_max => \(new.moneyMax)::numeric)
            """)
        guard let row = rows.first else {
            throw DatabaseError(.protocolViolation, "moed.begin_import returns nothing")
        }
        return BegunImport(
            batch: try row.value("batch"), nextPart: try row.value("next_part"),
            isOpen: try row.value("is_open"))
    }

    /// Adds whole lines. A part that was added before changes nothing.
    package func importPart(_ batch: String, _ part: Int, _ lines: String) async throws(DatabaseError) {
        _ = try await rows("SELECT moed.import_part(\(batch)::uuid, \(Int32(clamping: part)), \(lines))")
    }

    package func endImport(_ batch: String) async throws(DatabaseError) {
        _ = try await rows("SELECT moed.end_import(\(batch)::uuid)")
    }

    /// Progress of a batch; nil when there is none that this role sees.
    package func progress(_ batch: String) async throws(DatabaseError) -> BatchProgress? {
        let rows = try await rows(
            """
            SELECT status, lines, unfinished, completed, line_errors FROM moed.batches WHERE id::text = \(batch)
            """)
        guard let row = rows.first else { return nil }
        return BatchProgress(
            status: try row.value("status"), lines: try row.value("lines"),
            unfinished: try row.value("unfinished"),
            completed: try row.value("completed"), lineErrors: try row.value("line_errors"))
    }

    /// Lines of a batch's output after a line of its input, and the number of the last one.
    package func output(
        _ batch: String, after line: Int, limit: Int
    ) async throws(DatabaseError) -> (lines: [String], last: Int)? {
        let rows = try await rows(
            """
            SELECT line, text
              FROM moed.batch_output(\(batch)::uuid, \(Int32(clamping: line)), \(Int32(clamping: limit)))
            """)
        guard let last = rows.last else { return nil }
        var lines: [String] = []
        for row in rows { lines.append(try row.value("text")) }
        return (lines, try last.value("line"))
    }
}
