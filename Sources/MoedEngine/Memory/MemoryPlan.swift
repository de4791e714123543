/// The shares of a memory budget, decided before anything is loaded: contract 3.
package struct MemoryPlan: Sendable, Equatable {
    /// The budget and its users. All members are bytes unless they say otherwise.
    package struct Needs: Sendable, Equatable {
        /// The KV cache.
        package struct KV: Sendable, Equatable {
            /// One KV block in all layers.
            package var block: Int
            /// Fewest blocks to run with, and blocks wanted.
            package var blocksMin: Int
            package var blocksWanted: Int

            package init(block: Int, blocksMin: Int, blocksWanted: Int) {
                self.block = block
                self.blocksMin = blocksMin
                self.blocksWanted = blocksWanted
            }
        }

        /// The experts of all layers.
        package struct Experts: Sendable, Equatable {
            package var byteCount: Int
            /// Number of experts.
            package var count: Int
            /// One expert place: room for any expert.
            package var place: Int
            /// Fewest expert places to run with; nil when experts cannot be read while the model runs.
            package var placesMin: Int?
            /// Expert places reserved before the KV cache may grow beyond its minimum; fewer would serialise reading
            /// and computing.
            package var placesUseful: Int

            package init(byteCount: Int, count: Int, place: Int, placesMin: Int?, placesUseful: Int = 0) {
                self.byteCount = byteCount
                self.count = count
                self.place = place
                self.placesMin = placesMin
                self.placesUseful = placesUseful
            }
        }

        package var budget: Int
        /// The process itself: code, tokenizer, heap, stacks.
        package var process: Int
        /// Request bodies that wait for their preparation, and one that is prepared.
        package var requests: Int
        /// Weights that are always in memory.
        package var dense: Int
        /// Adapters beside the weights.
        package var adapters = 0
        package var activations: Int
        package var kv: KV
        package var experts: Experts

        package init(
            budget: Int, process: Int, requests: Int = 0, dense: Int, activations: Int, kv: KV, experts: Experts
        ) {
            self.budget = budget
            self.process = process
            self.requests = requests
            self.dense = dense
            self.activations = activations
            self.kv = kv
            self.experts = experts
        }

        fileprivate var fixed: Int { process + requests + dense + adapters + activations }

        /// The least budget that a model can run with.
        package var minimum: Int {
            fixed + kv.blocksMin * kv.block
                + min(experts.byteCount, experts.placesMin.map { $0 * experts.place } ?? experts.byteCount)
        }
    }

    /// The budget is too small.
    package struct Refusal: Error, Sendable, Equatable {
        package var minimum: Int

        package init(minimum: Int) { self.minimum = minimum }
    }

    package var needs: Needs
    package var kvBlocks: Int
    /// Expert places; nil when all experts are in memory.
    package var places: Int?

    /// - Throws: `Refusal` with the least budget.
    package init(_ needs: Needs) throws(Refusal) {
        self.needs = needs
        guard needs.budget >= needs.minimum else { throw Refusal(minimum: needs.minimum) }
        let free = needs.budget - needs.fixed
        let kvMin = needs.kv.blocksMin * needs.kv.block
        if needs.experts.byteCount <= free - kvMin {
            // Everything fits: the experts first, since one that is read again and again costs more than waiting.
            places = nil
            kvBlocks = Self.blocks(needs, in: free - needs.experts.byteCount)
            return
        }
        // More sequences share what each sweep reads. More places only spare a part of it, once there are enough to
        // read and compute at the same time. The least was checked above.
        let experts = needs.experts
        let least = max(experts.placesMin ?? 0, min(experts.placesUseful, experts.count))
        kvBlocks = Self.blocks(needs, in: free - least * experts.place)
        let most = (free - kvBlocks * needs.kv.block) / max(experts.place, 1)
        places = min(experts.count, max(experts.placesMin ?? 0, most))
    }

    private static func blocks(_ needs: Needs, in room: Int) -> Int {
        max(needs.kv.blocksMin, min(needs.kv.blocksWanted, room / max(needs.kv.block, 1)))
    }

    package var keyValues: Int { kvBlocks * needs.kv.block }
    /// Bytes of experts in memory, those being read included.
    package var experts: Int { places.map { $0 * needs.experts.place } ?? needs.experts.byteCount }
    package var total: Int { needs.fixed + keyValues + experts }
    package var isStreamed: Bool { places != nil }
}
