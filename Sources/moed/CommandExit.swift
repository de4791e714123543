import ArgumentParser
import MoedCore
import MoedDaemon
import MoedHost
import MoedTools

/// Maps errors to exit codes: 78 (EX_CONFIG) for what an administrator must mend, 130 for Ctrl-C, 1 otherwise.
enum CommandExit {
    static func translate(_ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch let problems as ConfigurationProblems {
            for problem in problems.problems { Host.printError("moed: \(problem)") }
            throw ExitCode(78)
        } catch let problem as ConfigurationProblem {
            Host.printError("moed: \(problem)")
            throw ExitCode(78)
        } catch is Interrupted {
            Host.printError("moed: interrupted")
            throw ExitCode(130)
        } catch let exit as ExitCode {
            throw exit
        } catch let error as ValidationError {
            throw error
        } catch {
            if Host.isBrokenPipe(error) { return }
            Host.printError("moed: \(error)")
            throw ExitCode(1)
        }
    }
}
