import CLibPQ

/// Owner of one `PGresult`.
@safe
struct ResultHandle: ~Copyable {
    private let result: OpaquePointer

    /// Takes ownership of the result.
    init(_ result: OpaquePointer) { unsafe self.result = result }

    deinit { unsafe PQclear(result) }

    var status: ExecStatusType { unsafe PQresultStatus(result) }

    /// Number of rows inserted, updated, deleted or selected; 0 for other commands.
    var affected: Int {
        guard let text = unsafe PQcmdTuples(result) else { return 0 }
        return unsafe Int(String(cString: text)) ?? 0
    }

    var rows: [Row] {
        let width = unsafe PQnfields(result)
        var columns: [String: Int] = [:]
        for column in 0..<width {
            guard let name = unsafe PQfname(result, column) else { continue }
            columns[unsafe String(cString: name)] = Int(column)
        }
        return (0..<(unsafe PQntuples(result))).map { row in
            Row(columns: columns, cells: (0..<width).map { cell(row, $0) })
        }
    }

    private func cell(_ row: Int32, _ column: Int32) -> String? {
        guard unsafe PQgetisnull(result, row, column) == 0, let value = unsafe PQgetvalue(result, row, column)
        else {
            return nil
        }
        let bytes = unsafe UnsafeRawBufferPointer(start: value, count: Int(PQgetlength(result, row, column)))
        return unsafe String(decoding: bytes, as: UTF8.self)
    }

    /// The server's error, without its detail line, which may quote values.
    var error: DatabaseError {
        let state = field("C")
        let code = state.map(DatabaseError.code(sqlState:)) ?? .connectionLost
        let message = field("M") ?? "the connection was lost"
        return DatabaseError(
            code, sqlState: state, code == .invalidValue ? DatabaseError.withoutQuoted(message) : message,
            constraint: field("n"))
    }

    /// Field of the error by its `PG_DIAG_...` code. Swift does not import these character macros of `postgres_ext.h`.
    private func field(_ code: Unicode.Scalar) -> String? {
        guard let text = unsafe PQresultErrorField(result, Int32(code.value)) else { return nil }
        return unsafe String(cString: text)
    }
}
