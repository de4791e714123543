import MoedAutomata

/// Conjunction and complement of normal forms.
extension SchemaForms {
    func intersection(_ left: NormalForm, _ right: NormalForm) throws(GrammarError) -> NormalForm {
        if left == .all { return right }
        if right == .all { return left }
        var result = NormalForm(
            hasNull: left.hasNull && right.hasNull, hasTrue: left.hasTrue && right.hasTrue,
            hasFalse: left.hasFalse && right.hasFalse)
        result.numbers = try product(left.numbers, right.numbers, .any) { $0.intersection($1) }
        result.strings = try product(left.strings, right.strings, .any) { (a, b) throws(GrammarError) in
            try self.intersection(a, b)
        }
        result.arrays = try product(left.arrays, right.arrays, .any) { (a, b) throws(GrammarError) in
            let shape = try self.intersection(a, b)
            return self.isCertainlyEmpty(shape, depth: 2) ? nil : shape
        }
        result.objects = try product(left.objects, right.objects, .any) { (a, b) throws(GrammarError) in
            let shape = self.intersection(a, b)
            return self.isCertainlyEmpty(shape, depth: 2) ? nil : shape
        }
        return result
    }

    private func product<Shape: Hashable>(
        _ left: [Shape], _ right: [Shape], _ any: Shape,
        _ meet: (Shape, Shape) throws(GrammarError) -> Shape?
    ) throws(GrammarError) -> [Shape] {
        if left == [any] { return right }
        if right == [any] { return left }
        try spend(left.count * right.count, at: "")
        // Each pair costs as much as some dozen steps of automata.
        try CompileMeter.spend(left.count * right.count * 60)
        var seen: Set<Shape> = []
        var result: [Shape] = []
        for a in left {
            for b in right {
                guard let shape = a == b ? a : try meet(a, b), seen.insert(shape).inserted else { continue }
                result.append(shape)
            }
            guard result.count <= Limit.alternatives else {
                throw GrammarError(.tooLarge, "more than \(Limit.alternatives) alternatives of one value")
            }
        }
        return result
    }

    private func intersection(_ left: StringShape, _ right: StringShape) throws(GrammarError) -> StringShape?
    {
        let dfa = try texts.intersection(left.dfa, right.dfa)
        let least = max(left.least, right.least)
        let most = left.most.map { a in right.most.map { min(a, $0) } ?? a } ?? right.most
        guard !texts[dfa].isEmpty, most.map({ $0 >= least }) ?? true else { return nil }
        return StringShape(dfa: dfa, least: least, most: most)
    }

    private func intersection(_ left: ArrayShape, _ right: ArrayShape) throws(GrammarError) -> ArrayShape {
        var shape = left
        shape.layers += right.layers.filter { !left.layers.contains($0) }
        shape.least = max(left.least, right.least)
        shape.most = left.most.map { a in right.most.map { min(a, $0) } ?? a } ?? right.most
        shape.contained += right.contained.filter { !left.contained.contains($0) }
        shape.isUnique = left.isUnique || right.isUnique
        return shape
    }

    private func intersection(_ left: ObjectShape, _ right: ObjectShape) -> ObjectShape {
        var shape = left
        shape.layers += right.layers.filter { !left.layers.contains($0) }
        shape.required += right.required.filter { !left.requires($0) }
        shape.least = max(left.least, right.least)
        shape.most = left.most.map { a in right.most.map { min(a, $0) } ?? a } ?? right.most
        shape.names += right.names.filter { !left.names.contains($0) }
        shape.existing += right.existing.filter { !left.existing.contains($0) }
        return shape
    }

    // MARK: Complements

    func complement(_ form: NormalForm, at pointer: String) throws(GrammarError) -> NormalForm {
        var result = NormalForm(hasNull: !form.hasNull, hasTrue: !form.hasTrue, hasFalse: !form.hasFalse)
        result.numbers = [.any]
        result.strings = [.any]
        result.arrays = [.any]
        result.objects = [.any]
        do {
            for shape in form.numbers {
                result.numbers = try product(result.numbers, shape.complement, .any) { $0.intersection($1) }
            }
            for shape in form.strings {
                let other = try complement(shape)
                result.strings = try product(result.strings, other, .any) { (a, b) throws(GrammarError) in
                    try self.intersection(a, b)
                }
            }
            for shape in form.arrays {
                let other = try complement(shape)
                result.arrays = try product(result.arrays, other, .any) { (a, b) throws(GrammarError) in
                    let shape = try self.intersection(a, b)
                    return self.isCertainlyEmpty(shape, depth: 2) ? nil : shape
                }
            }
            for shape in form.objects {
                let other = try complement(shape)
                result.objects = try product(result.objects, other, .any) { (a, b) throws(GrammarError) in
                    let shape = self.intersection(a, b)
                    return self.isCertainlyEmpty(shape, depth: 2) ? nil : shape
                }
            }
        } catch {
            throw error.placed(at: pointer)
        }
        return result
    }

    private func complement(_ shape: StringShape) throws(GrammarError) -> [StringShape] {
        var shapes: [StringShape] = []
        if shape.dfa != DFATable.anyText {
            let dfa = try texts.complement(shape.dfa)
            if !texts[dfa].isEmpty { shapes.append(StringShape(dfa: dfa, least: 0, most: nil)) }
        }
        if shape.least > 0 {
            shapes.append(StringShape(dfa: DFATable.anyText, least: 0, most: shape.least - 1))
        }
        if let most = shape.most, most < Int.max {
            shapes.append(StringShape(dfa: DFATable.anyText, least: most + 1, most: nil))
        }
        return shapes
    }

    private func complement(_ shape: ArrayShape) throws(GrammarError) -> [ArrayShape] {
        if shape.isUnique { throw GrammarError(.unsupported, "a negated uniqueItems is not supported") }
        var shapes: [ArrayShape] = []
        if shape.least > 0 { shapes.append(ArrayShape(most: shape.least - 1)) }
        if let most = shape.most { shapes.append(ArrayShape(least: most + 1)) }
        for layer in shape.layers {
            for (index, item) in layer.prefix.enumerated() where item != ExpressionTable.anything {
                let prefix =
                    [ExpressionID](repeating: ExpressionTable.anything, count: index) + [complement(item)]
                let negated = ArrayShape.Layer(prefix: prefix, rest: ExpressionTable.anything)
                shapes.append(ArrayShape(layers: [negated], least: index + 1))
            }
            guard layer.rest != ExpressionTable.anything else { continue }
            if layer.rest == ExpressionTable.nothing {
                shapes.append(ArrayShape(least: layer.prefix.count + 1))
                continue
            }
            let other = ArrayShape.Contained(
                item: complement(layer.rest), least: 1, most: nil, from: layer.prefix.count)
            shapes.append(ArrayShape(contained: [other]))
        }
        for contained in shape.contained {
            if let most = contained.most {
                var other = contained
                (other.least, other.most) = (most + 1, nil)
                shapes.append(ArrayShape(contained: [other]))
            }
            guard contained.least > 0 else { continue }
            if contained.least == 1, contained.from == 0 {
                let none = ArrayShape.Layer(prefix: [], rest: complement(contained.item))
                shapes.append(ArrayShape(layers: [none]))
            } else {
                var other = contained
                (other.least, other.most) = (0, contained.least - 1)
                shapes.append(ArrayShape(contained: [other]))
            }
        }
        return shapes
    }

    private func complement(_ shape: ObjectShape) throws(GrammarError) -> [ObjectShape] {
        var shapes: [ObjectShape] = []
        func add(_ property: ObjectShape.Property, isRequired: Bool) {
            let layer = ObjectShape.Layer(properties: [property])
            shapes.append(ObjectShape(layers: [layer], required: isRequired ? [property.key] : []))
        }
        for key in shape.required { add(.init(key: key, value: ExpressionTable.nothing), isRequired: false) }
        if shape.least > 0 { shapes.append(ObjectShape(most: shape.least - 1)) }
        if let most = shape.most { shapes.append(ObjectShape(least: most + 1)) }
        for layer in shape.layers {
            for property in layer.properties where property.value != ExpressionTable.anything {
                add(.init(key: property.key, value: complement(property.value)), isRequired: true)
            }
            for pattern in layer.patterns where pattern.value != ExpressionTable.anything {
                shapes.append(
                    ObjectShape(existing: [.init(dfa: pattern.dfa, value: complement(pattern.value))]))
            }
            guard layer.additional != ExpressionTable.anything else { continue }
            let others = try additionalKeys(of: layer)
            shapes.append(ObjectShape(existing: [.init(dfa: others, value: complement(layer.additional))]))
        }
        for name in shape.names {
            let bad = try complement(keys(of: name))
            shapes.append(ObjectShape(existing: [.init(dfa: bad, value: ExpressionTable.anything)]))
        }
        for existing in shape.existing {
            let pattern = ObjectShape.Pattern(dfa: existing.dfa, value: complement(existing.value))
            shapes.append(ObjectShape(layers: [.init(patterns: [pattern])]))
        }
        return shapes
    }

    private func complement(_ dfa: DFA) throws(GrammarError) -> Int32 {
        texts.add(try DFABuilder.complement(dfa))
    }

    /// Keys that neither a property nor a pattern of the layer names.
    private func additionalKeys(of layer: ObjectShape.Layer) throws(GrammarError) -> Int32 {
        let machines =
            [.anyText, DFABuilder.words(layer.properties.map(\.key))] + layer.patterns.map { texts[$0.dfa] }
        return texts.add(
            try DFABuilder.product(machines) { $0[0] >= 0 && $0.dropFirst().allSatisfy { $0 < 0 } ? 0 : nil })
    }

    /// Keys that satisfy a condition of `propertyNames`.
    func keys(of name: ExpressionID) throws(GrammarError) -> DFA {
        var machines: [DFA] = [.anyText]
        for shape in try form(name).strings {
            var dfa = texts[shape.dfa]
            if shape.least > 0 || shape.most != nil {
                dfa = try DFABuilder.intersection(dfa, DFABuilder.lengths(shape.least, shape.most))
            }
            machines.append(dfa)
        }
        return try DFABuilder.product(machines) { labels in labels.dropFirst().contains { $0 >= 0 } ? 0 : nil
        }
    }
}
