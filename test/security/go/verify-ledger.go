// Verifies checkpoints, tiles and proofs of a ledger with the Go project's own code for transparency
// logs, which shares none with Cohort's:
//
//	verify-ledger VKEY FOLDER [OLDER-CHECKPOINT GROWTH-PROOF | ENTRY.tlog-proof]...
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) < 3 {
		log.Fatal("usage: verify-ledger VKEY FOLDER FILE...")
	}
	verifier, err := note.NewVerifier(os.Args[1])
	check(err)
	verifiers := note.VerifierList(verifier)
	folder := os.Args[2]
	newest := openCheckpoint(read(filepath.Join(folder, "checkpoint")), verifiers)
	hashes := tlog.TileHashReader(newest, folderTiles(folder))
	root, err := tlog.TreeHash(newest.N, hashes)
	check(err)
	if root != newest.Hash {
		log.Fatal("the tiles have another root than the checkpoint")
	}
	fmt.Printf("tree %d\n", newest.N)
	for rest := os.Args[3:]; len(rest) > 0; {
		if strings.HasSuffix(rest[0], ".tlog-proof") {
			checkEntry(read(rest[0]), verifiers, hashes)
			rest = rest[1:]
			continue
		}
		checkGrowth(read(rest[0]), read(rest[1]), verifiers)
		rest = rest[2:]
	}
}

// An entry's proof holds, and is the one that Go makes from the tiles.
func checkEntry(file []byte, verifiers note.Verifiers, hashes tlog.HashReader) {
	lines, checkpoint := split(file)
	tree := openCheckpoint(checkpoint, verifiers)
	if lines[0] != "c2sp.org/tlog-proof@v1" {
		log.Fatal("no tlog-proof")
	}
	entry, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	check(err)
	index := number(strings.TrimPrefix(lines[2], "index "))
	proof := tlog.RecordProof(hashesOf(lines[3:]))
	check(tlog.CheckRecord(proof, tree.N, tree.Hash, index, leafHash(entry)))
	own, err := tlog.ProveRecord(tree.N, index, hashes)
	check(err)
	if fmt.Sprint(own) != fmt.Sprint(proof) {
		log.Fatal("Go makes another proof")
	}
	fmt.Printf("entry %d\n", index+1)
}

// Of an entry whose payload was dropped only the hash is left.
func leafHash(entry []byte) tlog.Hash {
	var dropped struct {
		LeafHash []byte `json:"leaf_hash"`
	}
	hash := tlog.RecordHash(entry)
	if json.Unmarshal(entry, &dropped) == nil && len(dropped.LeafHash) == len(hash) {
		copy(hash[:], dropped.LeafHash)
	}
	return hash
}

func checkGrowth(older, file []byte, verifiers note.Verifiers) {
	lines, checkpoint := split(file)
	from, to := openCheckpoint(older, verifiers), openCheckpoint(checkpoint, verifiers)
	if number(strings.TrimPrefix(lines[0], "old ")) != from.N {
		log.Fatal("the proof is about another checkpoint")
	}
	proof := tlog.TreeProof(hashesOf(lines[1:]))
	check(tlog.CheckTree(proof, to.N, to.Hash, from.N, from.Hash))
	fmt.Printf("growth %d %d\n", from.N, to.N)
}

// https://c2sp.org/tlog-checkpoint
func openCheckpoint(signed []byte, verifiers note.Verifiers) tlog.Tree {
	opened, err := note.Open(signed, verifiers)
	check(err)
	lines := strings.Split(opened.Text, "\n")
	if lines[0] != opened.Sigs[0].Name {
		log.Fatal("the origin is not the key's name")
	}
	hash, err := tlog.ParseHash(lines[2])
	check(err)
	return tlog.Tree{N: number(lines[1]), Hash: hash}
}

func split(file []byte) ([]string, []byte) {
	head, checkpoint, found := bytes.Cut(file, []byte("\n\n"))
	if !found {
		log.Fatal("no checkpoint in the proof")
	}
	return strings.Split(string(head), "\n"), checkpoint
}

func hashesOf(lines []string) []tlog.Hash {
	var hashes []tlog.Hash
	for _, line := range lines {
		hash, err := tlog.ParseHash(line)
		check(err)
		hashes = append(hashes, hash)
	}
	return hashes
}

// Tiles of a folder that is laid out as https://c2sp.org/tlog-tiles says.
type folderTiles string

func (folder folderTiles) Height() int { return 8 }

func (folder folderTiles) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var data [][]byte
	for _, tile := range tiles {
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		bytes, err := os.ReadFile(filepath.Join(string(folder), path))
		if err != nil {
			return nil, err
		}
		data = append(data, bytes)
	}
	return data, nil
}

func (folder folderTiles) SaveTiles([]tlog.Tile, [][]byte) {}

func number(text string) int64 {
	value, err := strconv.ParseInt(text, 10, 64)
	check(err)
	return value
}

func read(path string) []byte {
	content, err := os.ReadFile(path)
	check(err)
	return content
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
