/// Searches bytes in bytes, in time linear in both (Knuth, Morris, Pratt).
package enum ByteSearch {
    /// End of the first match of a part that is not empty; nil when there is none.
    package static func end(of part: [UInt8], in text: ArraySlice<UInt8>) -> Int? {
        var end: Int?
        forEachMatch(of: part, in: text) { place in
            end = place + part.count
            return false
        }
        return end
    }

    /// Ends of all matches of a part that is not empty, without overlaps.
    static func ends(of part: [UInt8], in text: ArraySlice<UInt8>) -> [Int] {
        var ends: [Int] = []
        forEachMatch(of: part, in: text) { place in
            ends.append(place + part.count)
            return true
        }
        return ends
    }

    /// End of the last match of a part that is not empty; nil when there is none.
    package static func lastEnd(of part: [UInt8], in text: ArraySlice<UInt8>) -> Int? {
        var end: Int?
        forEachMatch(of: part, in: text) { place in
            end = place + part.count
            return true
        }
        return end
    }

    /// Goes through the matches of a part that is not empty, without overlaps, until `body` returns false.
    ///
    /// - Parameter body: gets the index at which a match begins.
    static func forEachMatch(of part: [UInt8], in text: ArraySlice<UInt8>, _ body: (Int) -> Bool) {
        guard part.count <= text.count else { return }
        var borders = [0]
        var border = 0
        for byte in part.dropFirst() {
            while border > 0, part[border] != byte { border = borders[border - 1] }
            if part[border] == byte { border += 1 }
            borders.append(border)
        }
        var matched = 0
        for place in text.indices {
            let byte = text[place]
            while matched > 0, part[matched] != byte { matched = borders[matched - 1] }
            if part[matched] == byte { matched += 1 }
            if matched == part.count {
                guard body(place + 1 - matched) else { return }
                matched = 0
            }
        }
    }
}
