import MoedAutomata
import MoedCore

/// A JSON Schema with its identifiers: finds the targets of references.
struct SchemaDocument {
    /// A place in the document.
    struct Place {
        var value: JSONValue
        /// JSON pointer from the root.
        var pointer: String
        /// URI that relative references start from.
        var base: String
    }

    enum Draft: Int, Comparable {
        case four = 4
        case six = 6
        case seven = 7
        case y2019 = 2019
        case y2020 = 2020
        static func < (left: Draft, right: Draft) -> Bool { left.rawValue < right.rawValue }
    }

    let root: Place
    let draft: Draft
    private var identified: [String: Place] = [:]

    init(_ schema: JSONValue) {
        draft = Self.draft(schema["$schema"]?.string ?? "")
        root = Place(
            value: schema, pointer: "", base: Self.identifier(schema).map(Self.withoutFragment) ?? "")
        collect(root)
    }

    private static func draft(_ uri: String) -> Draft {
        for (mark, draft) in [
            ("draft-03", Draft.four), ("draft-04", .four), ("draft-06", .six), ("draft-07", .seven),
            ("2019-09", .y2019),
        ] where uri.contains(mark) { return draft }
        return .y2020
    }

    private static func identifier(_ value: JSONValue) -> String? {
        value["$id"]?.string ?? value["id"]?.string
    }

    private mutating func collect(_ place: Place) {
        guard case .object(let object) = place.value else {
            for (index, item) in (place.value.array ?? []).enumerated() {
                collect(Place(value: item, pointer: "\(place.pointer)/\(index)", base: place.base))
            }
            return
        }
        if identified[place.base] == nil, place.pointer.isEmpty || Self.identifier(place.value) != nil {
            identified[place.base] = place
        }
        for name in ["$anchor", "$dynamicAnchor"] {
            if let anchor = object[name]?.string { identified[place.base + "#" + anchor] = place }
        }
        if let id = Self.identifier(place.value), id.hasPrefix("#") { identified[place.base + id] = place }
        for member in object.members
        where member.key != "enum" && member.key != "const" && member.key != "examples" {
            collect(child(of: place, member.key, member.value))
        }
    }

    private func child(of place: Place, _ key: String, _ value: JSONValue) -> Place {
        let escaped = key.unicodeScalars.map { $0 == "~" ? "~0" : $0 == "/" ? "~1" : String($0) }.joined()
        var base = place.base
        if let id = Self.identifier(value), !id.hasPrefix("#"), draft > .seven || value["$ref"] == nil {
            base = Self.withoutFragment(Self.resolve(id, against: base))
        }
        return Place(value: value, pointer: "\(place.pointer)/\(escaped)", base: base)
    }

    /// Member of a place, with its own identifier taken into account.
    func member(of place: Place, _ path: [String]) -> Place? {
        var place = place
        for key in path {
            if let object = place.value.object, let value = object[key] {
                place = child(of: place, key, value)
            } else if let items = place.value.array, let index = Int(key), items.indices.contains(index) {
                place = child(of: place, key, items[index])
            } else {
                return nil
            }
        }
        return place
    }

    /// Target of a reference.
    func target(of reference: String, from place: Place) throws(GrammarError) -> Place {
        let uri = Self.resolve(reference, against: place.base)
        let parts = uri.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
        let document = String(parts[0])
        let fragment = parts.count > 1 ? Self.decoded(String(parts[1])) : ""
        let missing = GrammarError(
            .malformed, at: place.pointer, "$ref \(reference.prefix(200)) has no target")
        guard let start = identified[document] ?? (document.isEmpty ? root : nil) else {
            throw GrammarError(
                .unsupported, at: place.pointer,
                "$ref \(reference.prefix(200)): other documents are not fetched")
        }
        if fragment.isEmpty { return start }
        if fragment.hasPrefix("/") {
            let keys = fragment.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map {
                key in
                Self.replacing(Self.replacing(String(key), "~1", "/"), "~0", "~")
            }
            guard let found = member(of: start, keys) else { throw missing }
            return found
        }
        guard let found = identified[document + "#" + fragment] else { throw missing }
        return found
    }

    private static func replacing(_ text: String, _ part: String, _ by: String) -> String {
        var (rest, result) = (text[...], "")
        while let range = rest.firstRange(of: part) {
            result += rest[..<range.lowerBound] + by
            rest = rest[range.upperBound...]
        }
        return result + rest
    }

    private static func decoded(_ text: String) -> String {
        var (bytes, rest) = ([UInt8](), Array(text.utf8)[...])
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2,
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    // MARK: URIs

    private static func withoutFragment(_ uri: String) -> String { String(uri.prefix { $0 != "#" }) }

    /// Resolution of references as far as schemas need it (RFC 3986, section 5.2).
    private static func resolve(_ reference: String, against base: String) -> String {
        if reference.isEmpty { return base }
        if reference.hasPrefix("#") { return withoutFragment(base) + reference }
        if scheme(of: reference) != nil { return reference }
        guard let scheme = scheme(of: base) else {
            guard !reference.hasPrefix("/"), let slash = base.lastIndex(of: "/") else { return reference }
            return base[...slash] + reference
        }
        let rest = base.dropFirst(scheme.count + 1)
        guard rest.hasPrefix("//") else { return reference }
        let authorityEnd = rest.dropFirst(2).firstIndex(of: "/") ?? rest.endIndex
        let authority = scheme + ":" + rest[..<authorityEnd]
        if reference.hasPrefix("//") { return scheme + ":" + reference }
        if reference.hasPrefix("/") { return authority + reference }
        let path = rest[authorityEnd...]
        let folder = path.lastIndex(of: "/").map { path[...$0] } ?? "/"
        return authority + withoutDots(folder + reference)
    }

    private static func withoutDots(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.split(separator: "/", omittingEmptySubsequences: false) {
            if part == ".." {
                if parts.count > 1 { parts.removeLast() }
            } else if part != "." {
                parts.append(part)
            }
        }
        return parts.joined(separator: "/")
    }

    private static func scheme(of uri: String) -> String? {
        guard let colon = uri.firstIndex(of: ":") else { return nil }
        let scheme = uri[..<colon]
        guard let first = scheme.first, first.isASCII, first.isLetter,
            scheme.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "+.-".contains($0)) })
        else { return nil }
        return String(scheme)
    }
}
