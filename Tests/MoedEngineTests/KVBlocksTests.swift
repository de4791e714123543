import MoedCore
import MoedEngine
import Testing

@Suite struct KVBlocksTests {
    func key(_ previous: KVBlocks.Prefix, _ number: TokenID) -> KVBlocks.Key {
        KVBlocks.Key(previous: previous, tokens: [number, number + 1, 7][...])
    }

    func take(_ count: Int, _ blocks: inout KVBlocks) throws -> [UInt32] {
        let taken = blocks.take(count)
        return try #require(taken)
    }

    func hasRoom(for count: Int, _ blocks: KVBlocks) -> Bool {
        var copy = blocks
        return copy.take(count) != nil
    }

    @Test func idleBlocksAreRoomAndTheOldestGoesFirst() throws {
        var blocks = KVBlocks(count: 3)
        var first = try take(2, &blocks)
        let a = blocks.publish(first[0], as: key(KVBlocks.start, 1))
        let b = blocks.publish(first[1], as: key(a.prefix, 2))
        #expect(blocks.availableCount == 1)
        #expect(!hasRoom(for: 2, blocks))
        blocks.giveBack(first)
        #expect(blocks.idleCount == 2 && blocks.availableCount == 3)

        // A sequence with the first block only: both are known still, and the second is now idle for longest.
        blocks.share(a.block)
        #expect(blocks.find(key(a.prefix, 2))?.block == b.block)
        blocks.giveBack([a.block])
        first = try take(2, &blocks)
        #expect(blocks.find(key(a.prefix, 2)) == nil, "the end of a chain is forgotten before its beginning")
        #expect(blocks.find(key(KVBlocks.start, 1))?.block == a.block)
        let last = try take(1, &blocks)
        #expect(blocks.find(key(KVBlocks.start, 1)) == nil)
        #expect(blocks.availableCount == 0)
        #expect(!hasRoom(for: 1, blocks))
        blocks.giveBack(last)
        blocks.giveBack(first)
        #expect(blocks.availableCount == 3 && blocks.idleCount == 0)
    }

    @Test func whatHungOnAForgottenBlockIsNotFoundAgain() throws {
        var blocks = KVBlocks(count: 2)
        let taken = try take(2, &blocks)
        let a = blocks.publish(taken[0], as: key(KVBlocks.start, 1))
        _ = blocks.publish(taken[1], as: key(a.prefix, 2))
        // Only the first is given back, as if another sequence had the second.
        blocks.giveBack([taken[0]])
        let again = try take(1, &blocks)
        let new = blocks.publish(again[0], as: key(KVBlocks.start, 1))
        #expect(new.prefix != a.prefix)
        #expect(blocks.find(key(new.prefix, 2)) == nil)
    }

    @Test func equalContentsHaveOneBlock() throws {
        var blocks = KVBlocks(count: 2)
        let taken = try take(2, &blocks)
        let a = blocks.publish(taken[0], as: key(KVBlocks.start, 1))
        let b = blocks.publish(taken[1], as: key(KVBlocks.start, 1))
        #expect(b.block == a.block && b.prefix == a.prefix)
        #expect(blocks.find(key(KVBlocks.start, 2)) == nil && blocks.find(key(a.prefix, 1)) == nil)
    }

    /// Sequences open and close: no block is lost, and sequences with different tokens never share a block.
    @Test(arguments: 1...8) func keepsItsBooks(_ seed: UInt64) throws {
        struct User {
            var tokens: [TokenID]
            var blocks: [UInt32]
        }
        var random = SplitMix(seed: seed)
        func number(_ count: Int) -> Int { Int.random(in: 0..<count, using: &random) }
        var blocks = KVBlocks(count: 24)
        var users: [User] = []
        for _ in 0..<2000 {
            if number(2) == 0 || users.isEmpty {
                let tokens = (0...number(6)).map { _ in TokenID(number(2)) }
                var user = User(tokens: tokens, blocks: [])
                var prefix = KVBlocks.start
                for token in tokens {
                    guard let known = blocks.find(key(prefix, token)) else { break }
                    blocks.share(known.block)
                    user.blocks.append(known.block)
                    prefix = known.prefix
                }
                guard let rest = blocks.take(tokens.count - user.blocks.count) else {
                    blocks.giveBack(user.blocks)
                    continue
                }
                for (block, token) in zip(rest, tokens.dropFirst(user.blocks.count)) {
                    let known = blocks.publish(block, as: key(prefix, token))
                    #expect(known.block == block)
                    prefix = known.prefix
                }
                user.blocks += rest
                users.append(user)
            } else {
                blocks.giveBack(users.remove(at: number(users.count)).blocks)
            }
            var contents: [UInt32: [TokenID]] = [:]
            for user in users {
                for (index, block) in user.blocks.enumerated() {
                    let upToHere = Array(user.tokens[...index])
                    #expect(contents[block] ?? upToHere == upToHere)
                    contents[block] = upToHere
                }
            }
            #expect(blocks.availableCount == 24 - contents.count)
        }
        for user in users { blocks.giveBack(user.blocks) }
        #expect(blocks.availableCount == 24)
        let all = try take(24, &blocks)
        #expect(Set(all).count == 24)
    }
}
