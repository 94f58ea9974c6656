package main

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/CycloneDX/cyclonedx-go"
)

// writeBill writes what a version of Hearth is made of, as other programs read it. epoch is its time in Unix seconds; "": none.
func writeBill(out io.Writer, version, epoch string, all []work) error {
	bill := cyclonedx.NewBOM()
	bill.Metadata = &cyclonedx.Metadata{Component: &cyclonedx.Component{
		Type: cyclonedx.ComponentTypeApplication, BOMRef: "hearth", Name: "hearth", Version: version, Licenses: licences([]string{"Apache-2.0"}),
	}}
	if epoch != "" {
		seconds, err := strconv.ParseInt(epoch, 10, 64)
		if err != nil {
			return fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
		}
		bill.Metadata.Timestamp = time.Unix(seconds, 0).UTC().Format(time.RFC3339)
	}
	var components []cyclonedx.Component
	var refs []string
	for _, w := range all {
		url := "pkg:" + w.kind + "/" + w.name + "@" + w.version
		if w.kind == "deb" {
			url = "pkg:deb/debian/" + w.name + "@" + w.version + "?arch=source"
		}
		components = append(components, cyclonedx.Component{
			Type: cyclonedx.ComponentTypeLibrary, BOMRef: url, PackageURL: url, Name: w.name, Version: w.version, Licenses: licences(w.licences),
		})
		refs = append(refs, url)
	}
	bill.Components = &components
	bill.Dependencies = &[]cyclonedx.Dependency{{Ref: "hearth", Dependencies: &refs}}
	return cyclonedx.NewBOMEncoder(out, cyclonedx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false).Encode(bill)
}

func licences(names []string) *cyclonedx.Licenses {
	var all cyclonedx.Licenses
	for _, n := range names {
		all = append(all, cyclonedx.LicenseChoice{License: &cyclonedx.License{ID: n}})
	}
	return &all
}
