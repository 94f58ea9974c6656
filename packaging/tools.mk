# Versions of the tools that check the code; they are not in go.mod, so that they add nothing to Hearth itself.
GOLANGCI_LINT := v2.11.4
NFPM          := v2.43.4
