import MoedAutomata

/// A JSON string with its text automaton and its length.
struct StringMachine: Sendable {
    let dfa: DFA
    let costs: TextCosts
    let least: Int32
    /// -1 is no limit.
    let most: Int32
    /// True when every text is allowed: the length alone counts.
    let isAnyText: Bool

    /// Bytes of the shortest string, quotes included; nil when there is none.
    var cost: Int? {
        if isAnyText { return most >= 0 && most < least ? nil : 2 + Int(least) }
        guard !dfa.isEmpty, most < 0 || costs.points[0] <= most else { return nil }
        return 2 + Int(costs.bytes[0])
    }
}

/// An object: members in the order of its schema, then additional ones.
struct ObjectMachine: Sendable {
    struct Key: Sendable {
        var text: String
        var value: ExpressionID
        var isRequired: Bool
        /// Bytes of the quoted key.
        var length: Int
    }

    /// A class of additional keys whose values have the same expression.
    struct Extra: Sendable {
        var value: ExpressionID
        /// Expression of a value that meets the obligation; `nothing` when this class cannot meet it.
        var meeting: ExpressionID
        /// Bytes of the shortest quoted key.
        var length: Int
    }

    var keys: [Key]
    var extras: [Extra]
    /// Labels: numbers of keys, then of classes of additional keys.
    var dfa: DFA
    /// Labels that each state of `dfa` can reach, 64 a word.
    var reach: [UInt64]
    var least: Int
    var most: Int?
    /// True when one additional member must meet an obligation.
    var owes: Bool
    /// Number of additional keys that were used and taken out of `dfa`.
    var used = 0
    /// Most additional keys of an object: each used one costs a copy of the automaton.
    var usedMax = 0
    /// True when each class of additional keys has no end of them.
    var isWide = false
    /// True when any text may be an additional key, but for the named ones.
    var isOpen = false
    /// True for an array of different strings: they are additional keys, without colons and values.
    var isList = false

    var byteCount: Int { dfa.byteCount + 8 * reach.count + 96 * (keys.count + extras.count) }
    var opening: UInt8 { isList ? UInt8(ascii: "[") : UInt8(ascii: "{") }
    var closing: UInt8 { isList ? UInt8(ascii: "]") : UInt8(ascii: "}") }
    var wordsPerState: Int { (keys.count + extras.count + 63) / 64 }
    /// True when the number of members must be known.
    var counts: Bool { least > 0 || most != nil }

    /// Costs that depend on the values' costs, filled in at the end of compilation.
    var memberCosts: [Int] = []
    /// Number and costs of required members from each key on.
    var requiredCounts: [Int] = []
    var requiredCosts: [Int] = []
    var extraCost = TextCosts.infinite
    var meetingCost = TextCosts.infinite

    mutating func price(_ costs: [Int]) {
        memberCosts = keys.map { Saturating.sum($0.length + 2, costs[Int($0.value)]) }
        requiredCounts = [Int](repeating: 0, count: keys.count + 1)
        requiredCosts = requiredCounts
        for index in keys.indices.reversed() {
            let isRequired = keys[index].isRequired
            requiredCounts[index] = requiredCounts[index + 1] + (isRequired ? 1 : 0)
            requiredCosts[index] =
                isRequired
                ? Saturating.sum(requiredCosts[index + 1], memberCosts[index]) : requiredCosts[index + 1]
        }
        extraCost =
            extras.map { isList ? Saturating.sum($0.length, 1) : Saturating.sum($0.length + 2, costs[Int($0.value)]) }
            .min() ?? TextCosts.infinite
        meetingCost =
            extras.map { Saturating.sum($0.length + 2, costs[Int($0.meeting)]) }.min() ?? TextCosts.infinite
    }

    /// Bytes from behind a member (or the opening brace, with `isFirst`) to the end.
    func rest(from position: Int, count: Int, owes: Bool, isFirst: Bool, used: Int) -> Int {
        var total = requiredCosts[position]
        var members = requiredCounts[position]
        if owes {
            total = Saturating.sum(total, meetingCost + slack(used))
            members += 1
        }
        let missing = max(0, least - count - members)
        if let most, count + members + missing > most { return TextCosts.infinite }
        if missing > 0 {
            var fill: [Int] = []
            for index in position..<keys.count
            where !keys[index].isRequired && memberCosts[index] < TextCosts.infinite {
                fill.append(memberCosts[index])
            }
            fill.sort()
            for index in 0..<missing {
                let another =
                    extraCost < TextCosts.infinite
                    ? Saturating.sum(extraCost, slack(used + index + (owes ? 1 : 0))) : extraCost
                let cheapest = index < fill.count ? min(fill[index], another) : another
                total = Saturating.sum(total, cheapest)
                if total >= TextCosts.infinite { return total }
            }
        }
        return Saturating.sum(total, members + missing > 0 && isFirst ? 0 : 1)
    }

    /// Bytes that a key may have more than the shortest one, because `count` keys are taken.
    func slack(_ count: Int) -> Int {
        // Two more characters of any text are enough for all keys that an object may have.
        count == 0 ? 0 : isOpen ? 4 : Saturating.product(count, dfa.count + 1)
    }

    /// Bytes of the shortest object.
    var cost: Int { Saturating.sum(1, rest(from: 0, count: 0, owes: owes, isFirst: true, used: 0)) }
}

/// An array.
struct ArrayMachine: Sendable {
    struct Contained: Sendable {
        /// Expression of an item that counts, for each place of `items`.
        var hits: [ExpressionID]
        /// Expression of an item that does not count.
        var others: [ExpressionID]
        var least: Int
        var most: Int?
    }

    /// Expressions of the first items; the last one is that of all others.
    var items: [ExpressionID]
    var least: Int
    var most: Int?
    var contained: Contained?

    var itemCosts: [Int] = []
    var hitCosts: [Int] = []
    var otherCosts: [Int] = []
    /// Costs of the first items together, each with its comma.
    var sums: [Int] = []

    init(items: [ExpressionID], least: Int, most: Int?, contained: Contained?) {
        self.items = items
        self.least = least
        self.most = most
        self.contained = contained
    }

    /// Highest number of items that is told apart.
    var countMax: Int { max(items.count - 1, max(least, most.map { $0 + 1 } ?? 0)) }

    mutating func price(_ costs: [Int]) {
        itemCosts = items.map { costs[Int($0)] }
        hitCosts = contained?.hits.map { costs[Int($0)] } ?? []
        otherCosts = contained?.others.map { costs[Int($0)] } ?? []
        sums = [0]
        for cost in itemCosts.dropLast() { sums.append(Saturating.sum(sums[sums.count - 1], cost + 1)) }
    }

    func place(_ index: Int) -> Int { min(index, items.count - 1) }

    /// Bytes from behind an item (or the opening bracket, with `isFirst`) to the end.
    func rest(from index: Int, hits: Int, isFirst: Bool) -> Int {
        let total = contained == nil ? plainRest(index) : containedRest(index, hits)
        // The first item has no comma; a bracket always ends.
        return isFirst && total > 1 ? total - 1 : total
    }

    private func plainRest(_ index: Int) -> Int {
        guard index < least else { return 1 }
        let fixed = items.count - 1
        var total = sums[min(least, fixed)] - sums[min(index, fixed)]
        if sums[min(least, fixed)] >= TextCosts.infinite { return TextCosts.infinite }
        let repeated = least - max(index, fixed)
        if repeated > 0 {
            let cost = itemCosts[fixed]
            guard cost < TextCosts.infinite else { return cost }
            total = Saturating.sum(total, Saturating.product(repeated, cost + 1))
        }
        return Saturating.sum(total, 1)
    }

    private func containedRest(_ index: Int, _ hits: Int) -> Int {
        guard let contained else { return plainRest(index) }
        let needed = max(0, contained.least - hits)
        if let most, index + needed > most { return TextCosts.infinite }
        if let most = contained.most, hits > most { return TextCosts.infinite }
        guard index < items.count - 1 else {
            let others = max(0, least - index - needed)
            var total = 1
            if needed > 0 {
                guard hitCosts[items.count - 1] < TextCosts.infinite else { return TextCosts.infinite }
                total = Saturating.sum(total, Saturating.product(needed, hitCosts[items.count - 1] + 1))
            }
            guard others > 0 else { return total }
            // Where no more may count, an item that does not is needed.
            var cost = otherCosts[items.count - 1]
            if contained.most.map({ hits + needed + others <= $0 }) ?? true {
                cost = min(cost, hitCosts[items.count - 1])
            }
            guard cost < TextCosts.infinite else { return cost }
            return Saturating.sum(total, Saturating.product(others, cost + 1))
        }
        if index >= least, needed == 0 { return 1 }
        let other = Saturating.sum(otherCosts[index] + 1, containedRest(index + 1, hits))
        let hit = Saturating.sum(hitCosts[index] + 1, containedRest(index + 1, hits + 1))
        return min(other, hit)
    }

    var cost: Int { Saturating.sum(1, rest(from: 0, hits: 0, isFirst: true)) }
}

/// Sums that stay at "infinite".
enum Saturating {
    static func sum(_ left: Int, _ right: Int) -> Int {
        let (sum, overflow) = left.addingReportingOverflow(right)
        return overflow ? TextCosts.infinite : min(sum, TextCosts.infinite)
    }

    static func product(_ left: Int, _ right: Int) -> Int {
        let (product, overflow) = left.multipliedReportingOverflow(by: right)
        return overflow ? TextCosts.infinite : min(product, TextCosts.infinite)
    }
}
