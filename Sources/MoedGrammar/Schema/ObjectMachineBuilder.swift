import MoedAutomata

/// Turns the shape of an object into machines.
struct ObjectMachineBuilder {
    let forms: SchemaForms

    /// An obligation of the shape makes several machines: one for each key that may meet it.
    func machines(_ shape: ObjectShape) throws(GrammarError) -> [ObjectMachine] {
        guard let wanted = shape.existing.first else {
            return try machine(shape, obligation: nil).map { [$0] } ?? []
        }
        var rest = shape
        rest.existing.removeFirst()
        var machines: [ObjectMachine] = []
        for key in keys(of: shape) where forms.texts[wanted.dfa].accepts(key) {
            var other = rest
            other.layers.append(.init(properties: [.init(key: key, value: wanted.value)]))
            if !other.requires(key) { other.required.append(key) }
            machines += try self.machines(other)
        }
        guard rest.existing.isEmpty else {
            if try machine(rest, obligation: wanted)?.owes == true {
                throw GrammarError(
                    .unsupported, "several negations over additional properties are not supported together")
            }
            return machines
        }
        if let machine = try machine(rest, obligation: wanted), machine.owes { machines.append(machine) }
        return machines
    }

    /// Keys that the shape names, in the order of its layers.
    private func keys(of shape: ObjectShape) -> [String] {
        var keys: [String] = []
        var seen: Set<[UInt8]> = []
        for key in shape.layers.flatMap({ $0.properties.map(\.key) }) + shape.required
        where seen.insert(Array(key.utf8)).inserted { keys.append(key) }
        return keys
    }

    /// Nil when a required member is impossible.
    private func machine(
        _ shape: ObjectShape, obligation: ObjectShape.Pattern?
    ) throws(GrammarError) -> ObjectMachine? {
        let names = try shape.names.map { name throws(GrammarError) in try forms.keys(of: name) }
        var keys: [ObjectMachine.Key] = []
        // Keys that are named and impossible are no additional keys either.
        var words: [(bytes: [UInt8], label: Int32)] = []
        for text in self.keys(of: shape) {
            let isAllowed = names.allSatisfy { $0.accepts(text) }
            let value = isAllowed ? forms.value(of: shape, key: text) : ExpressionTable.nothing
            let isRequired = shape.requires(text)
            if value == ExpressionTable.nothing || forms.isCertainlyEmpty(value, depth: 1) {
                if isRequired { return nil }
                words.append((Array(text.utf8), Int32.max))
                continue
            }
            words.append((Array(text.utf8), Int32(keys.count)))
            keys.append(
                .init(text: text, value: value, isRequired: isRequired, length: JSONText.length(text)))
        }
        var extras = ExtraClasses(shape: shape, firstLabel: Int32(keys.count))
        let dfa = try keyAutomaton(shape, words, names, obligation, &extras)
        var machine = ObjectMachine(
            keys: keys, extras: extras.classes, dfa: dfa, reach: [], least: shape.least, most: shape.most,
            owes: obligation != nil)
        if obligation != nil, !extras.classes.contains(where: { $0.meeting != ExpressionTable.nothing }) {
            return nil
        }
        machine.measure()
        machine.isOpen =
            machine.extras.count == 1 && names.isEmpty && shape.layers.allSatisfy(\.patterns.isEmpty)
        return machine
    }

    /// Automaton of the keys, with labels of named and of additional ones.
    private func keyAutomaton(
        _ shape: ObjectShape, _ words: [(bytes: [UInt8], label: Int32)], _ names: [DFA],
        _ obligation: ObjectShape.Pattern?, _ extras: inout ExtraClasses
    ) throws(GrammarError) -> DFA {
        let patterns = shape.layers.flatMap(\.patterns).map(\.dfa)
        if patterns.isEmpty, names.isEmpty, obligation == nil {
            let isClosed = extras.label([], meets: false, forms, nil) == nil
            let allowed = words.filter { $0.label != Int32.max }
            if isClosed { return DFABuilder.words(allowed) }
            let rest = extras.label([], meets: false, forms, nil) ?? 0
            let all = try DFABuilder.words(words, rest: rest)
            guard allowed.count < words.count else { return all }
            return try DFABuilder.product([all]) { $0[0] == Int32.max ? nil : $0[0] }
        }
        // A key with a line end matches `.` in one dialect and not in another, so none is made up.
        var machines: [DFA] = [patterns.isEmpty ? .anyText : .oneLine, DFABuilder.words(words)]
        machines += patterns.map { forms.texts[$0] } + names
        if let obligation { machines.append(forms.texts[obligation.dfa]) }
        return try DFABuilder.product(machines) { labels in
            if labels[1] >= 0 { return labels[1] == Int32.max ? nil : labels[1] }
            guard labels[0] >= 0, names.indices.allSatisfy({ labels[2 + patterns.count + $0] >= 0 }) else {
                return nil
            }
            let matched = patterns.indices.map { labels[2 + $0] >= 0 }
            let meets = obligation != nil && labels[labels.count - 1] >= 0
            return extras.label(matched, meets: meets, forms, obligation?.value)
        }
    }
}

/// Groups additional keys by the expression of their values.
private struct ExtraClasses {
    let shape: ObjectShape
    let firstLabel: Int32
    var classes: [ObjectMachine.Extra] = []
    private var known: [[Bool]: Int32] = [:]

    init(shape: ObjectShape, firstLabel: Int32) {
        self.shape = shape
        self.firstLabel = firstLabel
    }

    /// Label of keys that match these patterns; nil when they are not allowed.
    mutating func label(
        _ matched: [Bool], meets: Bool, _ forms: SchemaForms, _ wanted: ExpressionID?
    ) -> Int32? {
        let key = matched + [meets]
        if let label = known[key] { return label < 0 ? nil : label }
        var value = ExpressionTable.anything
        var index = 0
        for layer in shape.layers {
            var isKnown = false
            for pattern in layer.patterns {
                if matched[index] {
                    value = forms.expressions.conjunction(value, pattern.value)
                    isKnown = true
                }
                index += 1
            }
            if !isKnown { value = forms.expressions.conjunction(value, layer.additional) }
        }
        let meeting =
            meets
            ? forms.expressions.conjunction(value, wanted ?? ExpressionTable.nothing)
            : ExpressionTable.nothing
        guard value != ExpressionTable.nothing, !forms.isCertainlyEmpty(value, depth: 1) else {
            known[key] = -1
            return nil
        }
        if let same = classes.firstIndex(where: { $0.value == value && $0.meeting == meeting }) {
            known[key] = firstLabel + Int32(same)
        } else {
            known[key] = firstLabel + Int32(classes.count)
            classes.append(.init(value: value, meeting: meeting, length: 2))
        }
        return known[key]
    }
}
