import { mount } from 'svelte';
import App from './App.svelte';
import './style/tokens.css';
import './style/base.css';
import { w } from './words';

document.documentElement.lang = w.language;

mount(App, { target: document.getElementById('app')! });
