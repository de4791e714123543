/// A Swift value that can be bound to a parameter.
package protocol SQLEncodable: Sendable {
    /// Object id of the PostgreSQL type (`pg_type.oid`; these never change).
    static var sqlType: UInt32 { get }
    /// Object id of the type's array type.
    static var sqlArrayType: UInt32 { get }
    /// The value in PostgreSQL's text format.
    var sqlText: String { get }
}

/// A Swift value that can be read from a column.
package protocol SQLDecodable: Sendable {
    /// Reads PostgreSQL's text format; nil when the text is no value of this type.
    init?(sqlText: String)
}

extension Int64: SQLEncodable, SQLDecodable {
    package static var sqlType: UInt32 { 20 }
    package static var sqlArrayType: UInt32 { 1016 }
    package var sqlText: String { String(self) }
    package init?(sqlText: String) { self.init(sqlText) }
}

extension Int: SQLEncodable, SQLDecodable {
    package static var sqlType: UInt32 { Int64.sqlType }
    package static var sqlArrayType: UInt32 { Int64.sqlArrayType }
    package var sqlText: String { String(self) }
    package init?(sqlText: String) { self.init(sqlText) }
}

extension Int32: SQLEncodable, SQLDecodable {
    package static var sqlType: UInt32 { 23 }
    package static var sqlArrayType: UInt32 { 1007 }
    package var sqlText: String { String(self) }
    package init?(sqlText: String) { self.init(sqlText) }
}

extension Double: SQLEncodable, SQLDecodable {
    package static var sqlType: UInt32 { 701 }
    package static var sqlArrayType: UInt32 { 1022 }
    package var sqlText: String {
        isNaN ? "NaN" : isInfinite ? (self < 0 ? "-Infinity" : "Infinity") : description
    }
    package init?(sqlText: String) { self.init(sqlText) }
}

extension Bool: SQLEncodable, SQLDecodable {
    package static var sqlType: UInt32 { 16 }
    package static var sqlArrayType: UInt32 { 1000 }
    package var sqlText: String { self ? "t" : "f" }
    package init?(sqlText: String) {
        switch sqlText {
        case "t": self = true
        case "f": self = false
        default: return nil
        }
    }
}

extension String: SQLEncodable, SQLDecodable {
    package static var sqlType: UInt32 { 25 }
    package static var sqlArrayType: UInt32 { 1009 }
    package var sqlText: String { self }
    package init?(sqlText: String) { self = sqlText }
}

/// One column of many rows, for `unnest`. An element may be nil.
package struct SQLArray<Element: SQLEncodable>: SQLEncodable {
    package var elements: [Element?]

    package init(_ elements: [Element?]) { self.elements = elements }

    package static var sqlType: UInt32 { Element.sqlArrayType }
    /// No type: arrays of arrays are not bound.
    package static var sqlArrayType: UInt32 { 0 }

    package var sqlText: String { arrayText(elements.map { $0?.sqlText }) }
}

/// PostgreSQL's text form of a one-dimensional array. The function is not generic: it does most of the work of a large
/// statement.
private func arrayText(_ elements: [String?]) -> String {
    var text: [UInt8] = [UInt8(ascii: "{")]
    text.reserveCapacity(elements.reduce(2) { $0 + 4 + ($1?.utf8.count ?? 4) })
    for element in elements {
        if text.count > 1 { text.append(UInt8(ascii: ",")) }
        guard let element else {
            text += "NULL".utf8
            continue
        }
        text.append(UInt8(ascii: "\""))
        for byte in element.utf8 {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { text.append(UInt8(ascii: "\\")) }
            text.append(byte)
        }
        text.append(UInt8(ascii: "\""))
    }
    text.append(UInt8(ascii: "}"))
    return String(decoding: text, as: UTF8.self)
}
