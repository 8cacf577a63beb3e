package main

import (
	"fmt"
	"os"
)

func main() {
	files, _ := goFiles(".")
	for _, f := range files {
		b, _ := os.ReadFile(f)
		x, err := checkComments(f, b)
		if err != nil {
			fmt.Println(err)
		}
		for _, l := range x {
			fmt.Println(l)
		}
	}
}
