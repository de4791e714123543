/// How a memory budget is shared out, decided before anything is loaded: contract 3.
package struct MemoryPlan: Sendable, Equatable {
    /// What there is to share out, and among whom. Bytes, where nothing else is said.
    package struct Needs: Sendable, Equatable {
        package var budget: Int
        /// The process itself: code, tokenizer, heap, stacks.
        package var process: Int
        /// Weights that are always in memory.
        package var dense: Int
        package var activations: Int
        /// One KV block in all layers.
        package var kvBlock: Int
        package var kvBlocksMin: Int
        package var kvBlocksWanted: Int
        /// All experts, and how many there are.
        package var experts: Int
        package var expertCount: Int
        /// Room for any expert.
        package var slot: Int
        /// Fewest slots to run with; nil when experts cannot be read while the model runs.
        package var slotsMin: Int?
        /// Slots that more KV than the least is not worth: with fewer, reading and computing wait for each other.
        package var slotsUseful: Int

        package init(
            budget: Int, process: Int, dense: Int, activations: Int, kvBlock: Int, kvBlocksMin: Int,
            kvBlocksWanted: Int, experts: Int, expertCount: Int, slot: Int, slotsMin: Int?, slotsUseful: Int = 0
        ) {
            self.budget = budget
            self.process = process
            self.dense = dense
            self.activations = activations
            self.kvBlock = kvBlock
            self.kvBlocksMin = kvBlocksMin
            self.kvBlocksWanted = kvBlocksWanted
            self.experts = experts
            self.expertCount = expertCount
            self.slot = slot
            self.slotsMin = slotsMin
            self.slotsUseful = slotsUseful
        }

        fileprivate var fixed: Int { process + dense + activations }

        /// The least budget that a model can run with.
        package var minimum: Int {
            fixed + kvBlocksMin * kvBlock + min(experts, slotsMin.map { $0 * slot } ?? experts)
        }
    }

    /// The budget is too small.
    package struct Refusal: Error, Sendable, Equatable {
        package var minimum: Int

        package init(minimum: Int) { self.minimum = minimum }
    }

    package var needs: Needs
    package var kvBlocks: Int
    /// Places for experts; nil when all experts are in memory.
    package var slots: Int?

    /// - Throws: `Refusal` saying what would do.
    package init(_ needs: Needs) throws(Refusal) {
        self.needs = needs
        guard needs.budget >= needs.minimum else { throw Refusal(minimum: needs.minimum) }
        let free = needs.budget - needs.fixed
        let kvMin = needs.kvBlocksMin * needs.kvBlock
        if needs.experts <= free - kvMin {
            // Everything fits: the experts first, since one that is read again and again costs more than waiting.
            slots = nil
            kvBlocks = Self.blocks(needs, in: free - needs.experts)
            return
        }
        // More sequences share what each sweep reads; more slots only spare a part of it (engine.md 3.4), once there
        // are enough to read and compute at the same time. That the least is there was seen above.
        let least = max(needs.slotsMin ?? 0, min(needs.slotsUseful, needs.expertCount)) * needs.slot
        kvBlocks = Self.blocks(needs, in: free - least)
        slots = min(
            needs.expertCount, max(needs.slotsMin ?? 0, (free - kvBlocks * needs.kvBlock) / max(needs.slot, 1)))
    }

    private static func blocks(_ needs: Needs, in room: Int) -> Int {
        max(needs.kvBlocksMin, min(needs.kvBlocksWanted, room / max(needs.kvBlock, 1)))
    }

    package var keyValues: Int { kvBlocks * needs.kvBlock }
    /// Bytes of experts in memory, those being read included.
    package var experts: Int { slots.map { $0 * needs.slot } ?? needs.experts }
    package var total: Int { needs.process + needs.dense + needs.activations + keyValues + experts }
    package var isStreamed: Bool { slots != nil }
}
