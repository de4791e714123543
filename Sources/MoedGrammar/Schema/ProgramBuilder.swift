import MoedAutomata
import MoedCore

/// Compiles a JSON Schema into a program.
struct ProgramBuilder {
    /// The values that one expression allows.
    private enum Alternative {
        case literal(Int)
        case bytes(Int)
        case string(Int)
        case object(Int)
        case array(Int)
    }

    private let forms: SchemaForms
    private var program = Program()
    private var alternatives: [ExpressionID: [Alternative]] = [:]
    private var work: [ExpressionID] = []
    private var scheduled: Set<ExpressionID> = []
    private var byteMachines: [NumberShape: Int] = [:]
    private var stringMachines: [StringShape: Int?] = [:]
    private var objectMachines: [ObjectShape: [Int]] = [:]

    /// - Returns: the program, and remarks about what is not enforced.
    static func build(
        _ schema: JSONValue, isStrict: Bool
    ) throws(GrammarError) -> (program: Program, warnings: [String]) {
        let forms = SchemaForms(schema, isStrict: isStrict)
        var builder = ProgramBuilder(forms: forms)
        let root = forms.expression(forms.document.root)
        builder.program.root = Frame(.value, machine: root)
        builder.program.isJSON = true
        try builder.explore(from: root)
        try builder.finish(root)
        return (builder.program, forms.warnings)
    }

    private init(forms: SchemaForms) {
        self.forms = forms
        program.literals = ["null", "true", "false"].map { Array($0.utf8) }
    }

    private mutating func schedule(_ id: ExpressionID) {
        if scheduled.insert(id).inserted { work.append(id) }
    }

    private mutating func explore(from root: ExpressionID) throws(GrammarError) {
        schedule(root)
        while let id = work.popLast() {
            try CompileMeter.spend(1_000)
            do {
                alternatives[id] = try read(id)
            } catch {
                throw error.placed(at: forms.pointer(of: id))
            }
            guard alternatives.count <= SchemaForms.Limit.expressions else {
                throw GrammarError(.tooLarge, "the schema has too many different values")
            }
        }
    }

    /// The values that the expression allows.
    private mutating func read(_ id: ExpressionID) throws(GrammarError) -> [Alternative] {
        let form = try forms.form(id)
        var list: [Alternative] = []
        for (index, has) in [form.hasNull, form.hasTrue, form.hasFalse].enumerated() where has {
            list.append(.literal(index))
        }
        for shape in form.numbers { list.append(.bytes(try numberMachine(shape))) }
        for shape in form.strings {
            if let machine = try stringMachine(shape) { list.append(.string(machine)) }
        }
        for shape in form.arrays {
            if let made = try uniqueMachine(shape, of: id) {
                list += made
            } else {
                list.append(.array(try arrayMachine(shape)))
            }
        }
        for shape in form.objects { list += try objectMachine(shape).map { .object($0) } }
        return list
    }

    private mutating func numberMachine(_ shape: NumberShape) throws(GrammarError) -> Int {
        if let known = byteMachines[shape] { return known }
        let dfa = try NumberAutomaton.dfa(shape)
        program.dfas.append(dfa)
        program.byteCosts.append(TextCosts(dfa, isJSON: false, fewestPoints: false) { _ in true })
        byteMachines[shape] = program.dfas.count - 1
        return program.dfas.count - 1
    }

    private mutating func stringMachine(_ shape: StringShape) throws(GrammarError) -> Int? {
        if let known = stringMachines[shape] { return known }
        stringMachines[shape] = .some(nil)
        let limit = Int(Int32.max) / 4
        guard shape.least <= limit else {
            throw GrammarError(.tooLarge, "minLength \(shape.least): no answer is that long")
        }
        let most = shape.most.map { Int32(min($0, limit)) } ?? -1
        var dfa = forms.texts[shape.dfa]
        var least = Int32(shape.least)
        let isAnyText = shape.dfa == DFATable.anyText
        if !isAnyText, !dfa.isEmpty {
            let shortest = TextCosts(dfa, isJSON: true, fewestPoints: true) { _ in true }.points[0]
            if least > shortest {
                dfa = try DFABuilder.intersection(dfa, DFABuilder.lengths(shape.least, nil))
            }
            least = 0
        }
        let costs = TextCosts(dfa, isJSON: true, fewestPoints: most >= 0 && !isAnyText) { _ in true }
        let machine = StringMachine(dfa: dfa, costs: costs, least: least, most: most, isAnyText: isAnyText)
        guard machine.cost != nil else { return nil }
        program.strings.append(machine)
        stringMachines[shape] = program.strings.count - 1
        return program.strings.count - 1
    }

    private mutating func arrayMachine(_ shape: ArrayShape) throws(GrammarError) -> Int {
        let limit = Int(Int32.max) / 4
        let prefix = shape.layers.map(\.prefix.count).max() ?? 0
        var items = (0...prefix).map { forms.item(of: shape, at: $0) }
        var contained: ArrayMachine.Contained?
        if let wanted = shape.contained.first {
            guard shape.contained.count == 1 else {
                throw GrammarError(
                    .unsupported, "several conditions on contained items are not supported together")
            }
            // Places in front of `from` do not count.
            while items.count <= wanted.from, let last = items.last { items.append(last) }
            guard items.count <= 200, shape.least <= 100_000 else {
                throw GrammarError(.tooLarge, "contains beside more than 200 fixed items")
            }
            let hits = items.enumerated().map { place, item in
                place < wanted.from
                    ? ExpressionTable.nothing : forms.expressions.conjunction(item, wanted.item)
            }
            let others = items.enumerated().map { place, item in
                wanted.most == nil || place < wanted.from
                    ? item : forms.expressions.conjunction(item, forms.complement(wanted.item))
            }
            contained = .init(hits: hits, others: others, least: wanted.least, most: wanted.most)
            (hits + others).forEach { schedule($0) }
        }
        items.forEach { schedule($0) }
        program.arrays.append(
            ArrayMachine(
                items: items, least: min(shape.least, limit), most: shape.most.map { min($0, limit) },
                contained: contained))
        return program.arrays.count - 1
    }

    /// The machine of an array without equal items: different strings are the keys of an object without values.
    ///
    /// - Returns: no alternative when there are too few strings; nil when an array's machine does.
    private mutating func uniqueMachine(
        _ shape: ArrayShape, of id: ExpressionID
    ) throws(GrammarError) -> [Alternative]? {
        guard shape.isUnique, shape.most ?? 2 > 1 else { return nil }
        let item = forms.item(of: shape, at: shape.layers.map(\.prefix.count).max() ?? 0)
        var form = try forms.form(item)
        let strings = form.strings
        form.strings = []
        guard shape.contained.isEmpty, shape.layers.allSatisfy(\.prefix.isEmpty), form.isEmpty,
            shape.least <= StackMachine.additionalMembersMax
        else {
            let place = forms.pointer(of: id).drop { $0 == "#" }
            let reason = "uniqueItems is supported for up to \(StackMachine.additionalMembersMax) strings only"
            guard !forms.isStrict else { throw GrammarError(.unsupported, at: "\(place)/uniqueItems", reason) }
            forms.warn("uniqueItems at \(place.isEmpty ? "#" : place) was not enforced")
            return nil
        }
        let dfa = try forms.keys(of: item)
        if dfa.isEmpty { return nil }
        var machine = ObjectMachine(
            keys: [], extras: [.init(value: ExpressionTable.nothing, meeting: ExpressionTable.nothing, length: 2)],
            dfa: dfa, reach: [], least: shape.least, most: shape.most.map { min($0, Int(Int32.max) / 4) }, owes: false)
        machine.isList = true
        machine.measure()
        machine.isOpen = strings == [.any]
        if shape.least > machine.usedMax {
            throw GrammarError(.tooLarge, "uniqueItems of more than \(machine.usedMax) strings of this form")
        }
        if !machine.isWide, dfa.wordCount(max: shape.least) < shape.least { return [] }
        program.objects.append(machine)
        return [.object(program.objects.count - 1)]
    }

    private mutating func objectMachine(_ shape: ObjectShape) throws(GrammarError) -> [Int] {
        if let known = objectMachines[shape] { return known }
        var made: [Int] = []
        for machine in try ObjectMachineBuilder(forms: forms).machines(shape) {
            for key in machine.keys { schedule(key.value) }
            for extra in machine.extras {
                schedule(extra.value)
                schedule(extra.meeting)
            }
            program.objects.append(machine)
            made.append(program.objects.count - 1)
        }
        objectMachines[shape] = made
        return made
    }

    // MARK: Costs

    private mutating func finish(_ root: ExpressionID) throws(GrammarError) {
        program.costs = [Int](repeating: TextCosts.infinite, count: forms.expressions.count)
        var hasChanged = true
        while hasChanged {
            hasChanged = false
            for index in program.objects.indices { program.objects[index].price(program.costs) }
            for index in program.arrays.indices { program.arrays[index].price(program.costs) }
            for (id, list) in alternatives {
                let least = list.map { cost($0) }.min() ?? TextCosts.infinite
                guard least < program.costs[Int(id)] else { continue }
                program.costs[Int(id)] = least
                hasChanged = true
            }
        }
        program.beginnings = program.costs.map { _ in [] }
        for (id, list) in alternatives {
            program.beginnings[Int(id)] = list.filter { cost($0) < TextCosts.infinite }.map { frame($0) }
        }
        let shortest = program.costs[Int(root)]
        guard shortest < TextCosts.infinite else {
            throw GrammarError(.unsatisfiable, "no value satisfies the schema")
        }
        guard shortest <= Program.documentBytesMax else {
            throw GrammarError(.tooLarge, "the shortest document has \(shortest) bytes")
        }
    }

    private func cost(_ alternative: Alternative) -> Int {
        switch alternative {
        case .literal(let index): program.literals[index].count
        case .bytes(let index):
            program.dfas[index].isEmpty ? TextCosts.infinite : Int(program.byteCosts[index].bytes[0])
        case .string(let index): program.strings[index].cost ?? TextCosts.infinite
        case .object(let index): program.objects[index].cost
        case .array(let index): program.arrays[index].cost
        }
    }

    private func frame(_ alternative: Alternative) -> Frame {
        switch alternative {
        case .literal(let index): return Frame(.literal, machine: Int32(index))
        case .bytes(let index): return Frame(.bytes, machine: Int32(index))
        case .string(let index):
            var frame = Frame(.string, machine: Int32(index))
            frame.least = program.strings[index].least
            frame.most = program.strings[index].most
            return frame
        case .object(let index):
            var frame = Frame(.object, machine: Int32(index))
            frame.least = program.objects[index].owes ? 1 : 0
            return frame
        case .array(let index): return Frame(.array, machine: Int32(index))
        }
    }
}
